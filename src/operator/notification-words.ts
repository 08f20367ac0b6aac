import type { Action, Outcome } from "../model/mitigation.ts";

/** The words of push messages. `{device}`, `{other}`, `{target}`, `{packets}`, `{minutes}`, `{requests}`, `{attack}`, `{rate}` and `{provider}` are filled in. */
export interface NotificationWords {
  readonly someDevice: string;
  readonly or: string;
  readonly request: string;
  readonly requestProbably: string;
  readonly plea: string;
  /** What the provider knows of the attack: its name, and of these what is known. */
  readonly reported: string;
  readonly severity: Readonly<Record<"low" | "medium" | "high", string>>;
  readonly forMinutes: string;
  readonly rate: string;
  /** It is another device than the one that was named at first. */
  readonly forged: string;
  /** For a block, where a quarantine waits for proof. */
  readonly untilSeen: string;
  readonly notFoundYet: string;
  readonly notFoundYetText: string;
  readonly more: string;
  readonly moreText: string;
  readonly onlyWatched: string;
  readonly reminder: string;
  readonly reminderText: Readonly<Record<"deny" | "block", string>>;
  readonly blocked: Readonly<Record<Exclude<Action, "observe">, string>>;
  readonly blockedText: string;
  readonly ended: Readonly<Record<Exclude<Outcome, "overridden" | "rejected" | "unattributed">, string>>;
  readonly packets: string;
  readonly providerDown: string;
  readonly providerDownText: string;
  readonly providerUp: string;
  /** A message to try the receiver, and a device that nobody has. */
  readonly test: string;
  readonly testText: string;
  readonly approve: string;
  readonly deny: string;
  readonly undo: string;
}

export const languages = ["en", "de", "es", "zh_Hans", "ja"] as const;
export type Language = (typeof languages)[number];

export const notificationWords: Readonly<Record<Language, NotificationWords>> = {
  en: {
    someDevice: "A device without a name",
    or: "{device} or {other}",
    request: "{device} is attacking a stranger",
    requestProbably: "{device} is probably attacking a stranger",
    plea: "Your internet provider asks you to stop it.",
    onlyWatched: "Your internet provider reports it. As you have set it, nothing is blocked.",
    reported: "It reports: {attack}.",
    severity: { low: "mild", medium: "moderate", high: "severe" },
    forMinutes: "for {minutes} min",
    rate: "{rate} at the target",
    forged: "The packets carry the address of {other}, but come from {device}.",
    untilSeen: "It is cut off completely once its packets are seen.",
    notFoundYet: "Waiting for the device to be found",
    notFoundYetText: "What your provider reported is stopped where it leaves your home.",
    more: "{requests} more requests about {device} in the last hour",
    moreText: "They were not shown one by one. The list is on the page.",
    reminder: "Still waiting for you: {device}",
    reminderText: { deny: "Answer within {minutes} min, else the device is left alone.", block: "Answer within {minutes} min, else the device is stopped." },
    blocked: { block: "{device} can no longer reach {target}", limit: "{device} is slowed down", quarantine: "{device} is cut off completely" },
    blockedText: "You can undo it at any time.",
    ended: {
      withdrawn: "It is over: {device}",
      expired: "The time is over: {device}",
      denied: "Left alone: {device}",
      released: "The block was undone: {device}",
    },
    packets: "{packets} packets were stopped.",
    providerDown: "{provider} cannot warn you right now",
    providerDownText: "What is blocked stays blocked. We keep trying.",
    providerUp: "{provider} can warn you again",
    test: "Test: Practice camera is attacking a stranger",
    testText: "This is only a test. Nothing happens, whatever you press.",
    approve: "Block it",
    deny: "Not an attack",
    undo: "Undo",
  },
  de: {
    someDevice: "Ein Gerät ohne Namen",
    or: "{device} oder {other}",
    request: "{device} greift einen Fremden an",
    requestProbably: "{device} greift wahrscheinlich einen Fremden an",
    plea: "Ihr Internetanbieter bittet Sie, das zu stoppen.",
    onlyWatched: "Ihr Internetanbieter meldet es. Wie eingestellt, wird nichts blockiert.",
    reported: "Er meldet: {attack}.",
    severity: { low: "leicht", medium: "mittelschwer", high: "schwer" },
    forMinutes: "seit {minutes} min",
    rate: "{rate} am Ziel",
    forged: "Die Pakete tragen die Adresse von {other}, kommen aber von {device}.",
    untilSeen: "Ganz abgeschnitten wird es, sobald seine Pakete gesehen werden.",
    notFoundYet: "Das Gerät wird noch gesucht",
    notFoundYetText: "Was Ihr Anbieter gemeldet hat, wird gestoppt, wo es Ihr Zuhause verlässt.",
    more: "{requests} weitere Anfragen zu {device} in der letzten Stunde",
    moreText: "Sie wurden nicht einzeln gemeldet. Die Liste steht auf der Seite.",
    reminder: "Wartet noch auf Sie: {device}",
    reminderText: {
      deny: "Antworten Sie innerhalb von {minutes} min, sonst bleibt das Gerät unbehelligt.",
      block: "Antworten Sie innerhalb von {minutes} min, sonst wird das Gerät gestoppt.",
    },
    blocked: { block: "{device} erreicht {target} nicht mehr", limit: "{device} ist gebremst", quarantine: "{device} ist ganz abgeschnitten" },
    blockedText: "Sie können es jederzeit rückgängig machen.",
    ended: {
      withdrawn: "Es ist vorbei: {device}",
      expired: "Die Zeit ist abgelaufen: {device}",
      denied: "Unbehelligt gelassen: {device}",
      released: "Blockade aufgehoben: {device}",
    },
    packets: "{packets} Pakete wurden gestoppt.",
    providerDown: "{provider} kann Sie gerade nicht warnen",
    providerDownText: "Was blockiert ist, bleibt blockiert. Wir versuchen es weiter.",
    providerUp: "{provider} kann Sie wieder warnen",
    test: "Test: Übungskamera greift einen Fremden an",
    testText: "Das ist nur ein Test. Es geschieht nichts, was Sie auch drücken.",
    approve: "Blockieren",
    deny: "Kein Angriff",
    undo: "Rückgängig",
  },
  es: {
    someDevice: "Un dispositivo sin nombre",
    or: "{device} o {other}",
    request: "{device} está atacando a un desconocido",
    requestProbably: "{device} probablemente está atacando a un desconocido",
    plea: "Su proveedor de internet le pide que lo detenga.",
    onlyWatched: "Su proveedor de internet lo comunica. Según sus ajustes, no se bloquea nada.",
    reported: "Informa de: {attack}.",
    severity: { low: "leve", medium: "moderado", high: "grave" },
    forMinutes: "desde hace {minutes} min",
    rate: "{rate} en el destino",
    forged: "Los paquetes llevan la dirección de {other}, pero vienen de {device}.",
    untilSeen: "Se aislará por completo cuando se vean sus paquetes.",
    notFoundYet: "Esperando a encontrar el dispositivo",
    notFoundYetText: "Lo que comunicó su proveedor se detiene al salir de su casa.",
    more: "{requests} solicitudes más sobre {device} en la última hora",
    moreText: "No se mostraron una a una. La lista está en la página.",
    reminder: "Aún espera su respuesta: {device}",
    reminderText: { deny: "Responda en {minutes} min; si no, no se hará nada.", block: "Responda en {minutes} min; si no, se detendrá el dispositivo." },
    blocked: { block: "{device} ya no puede llegar a {target}", limit: "{device} va más lento", quarantine: "{device} está totalmente aislado" },
    blockedText: "Puede deshacerlo en cualquier momento.",
    ended: {
      withdrawn: "Ha terminado: {device}",
      expired: "Se acabó el tiempo: {device}",
      denied: "Sin cambios: {device}",
      released: "Bloqueo deshecho: {device}",
    },
    packets: "Se detuvieron {packets} paquetes.",
    providerDown: "{provider} no puede avisarle ahora",
    providerDownText: "Lo bloqueado sigue bloqueado. Seguimos intentándolo.",
    providerUp: "{provider} puede avisarle de nuevo",
    test: "Prueba: la cámara de prueba está atacando a un desconocido",
    testText: "Es solo una prueba. No ocurre nada, pulse lo que pulse.",
    approve: "Bloquear",
    deny: "No es un ataque",
    undo: "Deshacer",
  },
  zh_Hans: {
    someDevice: "一台没有名称的设备",
    or: "{device}或{other}",
    request: "{device}正在攻击陌生人",
    requestProbably: "{device}可能正在攻击陌生人",
    plea: "您的互联网运营商请您阻止它。",
    onlyWatched: "您的互联网运营商报告了此事。按照您的设置，不会阻止任何流量。",
    reported: "其报告：{attack}。",
    severity: { low: "轻微", medium: "中等", high: "严重" },
    forMinutes: "已持续 {minutes} 分钟",
    rate: "目标处 {rate}",
    forged: "这些数据包使用的是{other}的地址，但实际来自{device}。",
    untilSeen: "一旦看到它的数据包，就会将其完全隔离。",
    notFoundYet: "正在查找该设备",
    notFoundYetText: "运营商报告的流量会在离开您家时被阻止。",
    more: "过去一小时内还有 {requests} 个关于{device}的请求",
    moreText: "这些请求没有逐一显示，列表在页面上。",
    reminder: "仍在等待您的答复：{device}",
    reminderText: { deny: "请在 {minutes} 分钟内答复，否则不会处理该设备。", block: "请在 {minutes} 分钟内答复，否则将阻止该设备。" },
    blocked: { block: "{device}已无法访问 {target}", limit: "{device}已被限速", quarantine: "{device}已被完全隔离" },
    blockedText: "您可以随时撤销。",
    ended: { withdrawn: "已经结束：{device}", expired: "时间已到：{device}", denied: "未作处理：{device}", released: "已解除阻止：{device}" },
    packets: "共阻止了 {packets} 个数据包。",
    providerDown: "{provider} 目前无法向您发出警告",
    providerDownText: "已阻止的仍保持阻止。我们会继续尝试。",
    providerUp: "{provider} 又能向您发出警告了",
    test: "测试：练习用摄像头正在攻击陌生人",
    testText: "这只是测试。无论您按哪个按钮，都不会发生任何事。",
    approve: "阻止",
    deny: "这不是攻击",
    undo: "撤销",
  },
  ja: {
    someDevice: "名前のない機器",
    or: "{device} または {other}",
    request: "{device} が見知らぬ相手を攻撃しています",
    requestProbably: "{device} が見知らぬ相手を攻撃しているようです",
    plea: "プロバイダーが停止を求めています。",
    onlyWatched: "プロバイダーからの報告です。設定どおり、何も遮断しません。",
    reported: "プロバイダーの報告: {attack}",
    severity: { low: "軽度", medium: "中程度", high: "深刻" },
    forMinutes: "{minutes} 分前から",
    rate: "標的で {rate}",
    forged: "パケットには {other} のアドレスが付いていますが、{device} から送られています。",
    untilSeen: "パケットが確認されしだい、完全に切り離します。",
    notFoundYet: "機器を探しています",
    notFoundYetText: "プロバイダーが報告した通信は、家の外に出るところで止めています。",
    more: "この 1 時間に {device} についてさらに {requests} 件の要請がありました",
    moreText: "1 件ずつは表示していません。一覧はページにあります。",
    reminder: "まだ回答を待っています: {device}",
    reminderText: { deny: "{minutes} 分以内に回答がなければ、何もしません。", block: "{minutes} 分以内に回答がなければ、機器を止めます。" },
    blocked: { block: "{device} は {target} に接続できなくなりました", limit: "{device} の通信を遅くしました", quarantine: "{device} を完全に切り離しました" },
    blockedText: "いつでも元に戻せます。",
    ended: {
      withdrawn: "終わりました: {device}",
      expired: "時間が切れました: {device}",
      denied: "そのままにしました: {device}",
      released: "遮断を解除しました: {device}",
    },
    packets: "{packets} 個のパケットを止めました。",
    providerDown: "{provider} は今、警告を送れません",
    providerDownText: "遮断中のものはそのままです。再接続を続けています。",
    providerUp: "{provider} が再び警告を送れるようになりました",
    test: "テスト: 練習用カメラが見知らぬ相手を攻撃しています",
    testText: "これはテストです。どのボタンを押しても何も起こりません。",
    approve: "遮断する",
    deny: "攻撃ではない",
    undo: "元に戻す",
  },
};
