/** A package of apk-tools 3 as bytes, unsigned. */
export function apkOf(package_: {
  readonly info: { readonly name: string; readonly version: string; readonly depends: readonly string[]; readonly [field: string]: string | readonly string[] | undefined };
  readonly scripts: Readonly<Record<string, string>>;
  readonly entries: readonly { readonly path: string; readonly mode: number; readonly content?: Buffer; readonly link?: string }[];
  readonly time: number;
}): Buffer;
