import { noticeWords } from "./notice-words.ts";
import type { Language } from "./notification-words.ts";

/** Chinese is written in simplified characters: fonts differ. */

/** From a phone to a television across the room; nothing but what the device has itself. */
export const noticeStyle = `
:root{color-scheme:light dark;--ground:#f3f4f6;--card:#fff;--text:#1c2430;--soft:#525c6b;--line:#dde1e7;--mark:#b45309;--tint:#fdf0dc;--calm:#1d7a46;--calm-tint:#e2f4e9}
@media (prefers-color-scheme:dark){:root{--ground:#12161c;--card:#1c222b;--text:#e8ebf0;--soft:#a8b1be;--line:#343d4a;--mark:#f5a742;--tint:#3a2a12;--calm:#5fce90;--calm-tint:#16331f}}
*{box-sizing:border-box}
html{font:clamp(16px,min(10px + .9vw,2.6vh),44px)/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK SC","Noto Sans CJK JP",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:1rem;background:var(--ground);color:var(--text)}
main{width:100%;max-width:36rem;padding:1.3rem 1.4rem;background:var(--card);border:1px solid var(--line);border-radius:1rem}
svg{display:block;width:3rem;height:3rem;padding:.6rem;margin-bottom:.7rem;border-radius:50%;background:var(--tint);color:var(--mark);fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
svg.calm{background:var(--calm-tint);color:var(--calm)}
h1{margin:0 0 .5rem;font-size:1.55rem;line-height:1.2;text-wrap:balance}
h2{margin:1.1rem 0 .4rem;font-size:1.05rem}
p{margin:0 0 .6rem}
ol{margin:0;padding-inline-start:1.4rem}
li{margin-bottom:.4rem;padding-inline-start:.2rem}
li::marker{font-weight:600;color:var(--mark)}
.soft{color:var(--soft)}
footer{margin-top:1rem;padding-top:.8rem;border-top:1px solid var(--line);font-size:.9rem;color:var(--soft)}
footer p:last-child{margin:0}
`;

/** A broken link of a chain, and a tick. */
const icons = {
  cut: '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M9 17H7A5 5 0 0 1 7 7h2M15 7h2a5 5 0 0 1 4 8M8 12h3M4 3l17 18"/></svg>',
  calm: '<svg class="calm" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 12.5 9.5 18 20 6.5"/></svg>',
} as const;

/** The page for one that has been cut off, or for one that only looks. Whole, without script, link or form: there is nothing to press. */
export function composeNotice(language: Language, isCutOff: boolean): string {
  const words = noticeWords[language];
  const heading = isCutOff ? words.heading : words.notCutOff;
  const body = isCutOff
    ? `${icons.cut}<h1>${heading}</h1><p>${words.why}</p><p class="soft">${words.unnoticed}</p>`
      + `<h2>${words.whatToDo}</h2><ol>${words.steps.map((step) => `<li>${step}</li>`).join("")}</ol>`
      + `<footer><p>${words.others}</p><p>${words.trust}</p></footer>`
    : `${icons.calm}<h1>${heading}</h1><p>${words.notCutOffText}</p>`;
  return `<!DOCTYPE html><html lang="${
    language.replace("_", "-")
  }"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">`
    + `<meta name="robots" content="noindex"><title>${heading}</title><style>${noticeStyle}</style></head><body><main>${body}</main></body></html>\n`;
}
