import { languages, type Language } from "./notification-words.ts";

/** What a device is told that has been cut off, on the page that takes the place of every other one. Plain text. */
export interface NoticeWords {
  readonly heading: string;
  readonly why: string;
  readonly unnoticed: string;
  readonly whatToDo: string;
  readonly steps: readonly [string, string, string];
  readonly others: string;
  /** Pages that look like this one are also what swindlers make. */
  readonly trust: string;
  /** For who comes here without having been cut off. */
  readonly notCutOff: string;
  readonly notCutOffText: string;
}

export const noticeWords: Readonly<Record<Language, NoticeWords>> = {
  en: {
    heading: "This device is cut off",
    why: "Your router keeps it away from the internet and from the home network: as far as the router can tell, an attack on strangers came from this device.",
    unnoticed: "Somebody has probably taken control of it, and nobody noticed.",
    whatToDo: "What you can do",
    steps: [
      "Switch this device off and on again.",
      "Tell the person who looks after the internet in your home. They can let it back in on the router’s page: Services → Outgoing attacks.",
      "Then install its updates and change its password.",
    ],
    others: "The other devices in your home are not touched by this.",
    trust: "This message comes from the router in your home. It asks for no password, no payment and no download.",
    notCutOff: "This device is not cut off",
    notCutOffText: "This page tells blocked devices why they are offline. This device is not blocked.",
  },
  de: {
    heading: "Dieses Gerät ist abgeschnitten",
    why: "Ihr Router hält es vom Internet und vom Heimnetz fern: Soweit er erkennen kann, ging von diesem Gerät ein Angriff auf Fremde aus.",
    unnoticed: "Wahrscheinlich hat es jemand unbemerkt unter seine Kontrolle gebracht.",
    whatToDo: "Was Sie tun können",
    steps: [
      "Schalten Sie das Gerät aus und wieder ein.",
      "Sagen Sie der Person Bescheid, die sich bei Ihnen um das Internet kümmert. Sie kann es auf der Seite des Routers wieder zulassen: Dienste → Ausgehende Angriffe.",
      "Installieren Sie dann seine Updates und ändern Sie sein Passwort.",
    ],
    others: "Die anderen Geräte bei Ihnen zu Hause betrifft das nicht.",
    trust: "Diese Nachricht kommt vom Router bei Ihnen zu Hause. Sie will kein Passwort, kein Geld und keinen Download.",
    notCutOff: "Dieses Gerät ist nicht abgeschnitten",
    notCutOffText: "Diese Seite sagt blockierten Geräten, warum sie offline sind. Dieses Gerät ist nicht blockiert.",
  },
  es: {
    heading: "Este dispositivo está aislado",
    why: "Su router lo mantiene apartado de internet y de la red de casa: hasta donde el router puede saber, desde este dispositivo se atacó a desconocidos.",
    unnoticed: "Probablemente alguien lo controla sin que nadie lo haya notado.",
    whatToDo: "Qué puede hacer",
    steps: [
      "Apague este dispositivo y vuelva a encenderlo.",
      "Avise a la persona que se ocupa de internet en su casa. Puede volver a admitirlo en la página del router: Servicios → Ataques salientes.",
      "Después, instale sus actualizaciones y cambie su contraseña.",
    ],
    others: "Los demás dispositivos de su casa no se ven afectados.",
    trust: "Este mensaje viene del router de su casa. No pide contraseñas, ni dinero, ni descargas.",
    notCutOff: "Este dispositivo no está aislado",
    notCutOffText: "Esta página explica a los dispositivos bloqueados por qué no tienen conexión. Este dispositivo no está bloqueado.",
  },
  zh_Hans: {
    heading: "此设备已被隔离",
    why: "您的路由器已阻止它访问互联网和家庭网络：据路由器判断，有一次针对陌生人的攻击来自此设备。",
    unnoticed: "很可能有人在无人察觉的情况下控制了它。",
    whatToDo: "您可以这样做",
    steps: [
      "请关闭此设备，再重新打开。",
      "请告诉家里负责网络的人，他可以在路由器页面上重新允许此设备：服务 → 对外攻击。",
      "然后请安装它的更新，并更改它的密码。",
    ],
    others: "家中的其他设备不受此影响。",
    trust: "此消息来自您家中的路由器。它不会索要密码或付款，也不要求下载任何东西。",
    notCutOff: "此设备未被隔离",
    notCutOffText: "此页面告诉被阻止的设备为什么无法联网。此设备未被阻止。",
  },
  ja: {
    heading: "この機器は切り離されています",
    why: "ルーターがこの機器をインターネットと家庭内ネットワークから切り離しています。ルーターが判断できる限り、この機器から見知らぬ相手への攻撃がありました。",
    unnoticed: "おそらく、気づかれないまま外部の誰かに操られています。",
    whatToDo: "できること",
    steps: [
      "この機器の電源を入れ直してください。",
      "ご家庭のインターネットを管理している人に伝えてください。ルーターのページの「サービス → 外への攻撃」で元に戻せます。",
      "そのあと、更新をインストールし、パスワードを変えてください。",
    ],
    others: "ご家庭のほかの機器には影響ありません。",
    trust: "これはご家庭のルーターからのお知らせです。パスワードやお金、ダウンロードを求めることはありません。",
    notCutOff: "この機器は切り離されていません",
    notCutOffText: "このページは、遮断された機器に、つながらない理由をお知らせします。この機器は遮断されていません。",
  },
};

/** Languages of an Accept-Language header that are looked at; a browser names some ten at most. */
const mostRanges = 16;

/** The language that the reader likes best, of those that there are (RFC 9110 §12.5.4); `otherwise` without any. */
export function noticeLanguage(acceptLanguage: string | undefined, otherwise: Language): Language {
  let best: Language | undefined;
  let bestWeight = 0;
  for (const range of (acceptLanguage ?? "").slice(0, 512).split(",").slice(0, mostRanges)) {
    const [, tag = "", weight = "1"] = /^\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*(\d(?:\.\d{0,3})?)\s*)?$/.exec(range) ?? [];
    const language = languages.find((each) => each.split("_")[0] === tag.toLowerCase());
    if (language === undefined || Number(weight) <= bestWeight) continue;
    best = language;
    bestWeight = Number(weight);
  }
  return best ?? otherwise;
}
