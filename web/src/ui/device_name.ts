// What a host calls this device until somebody renames it.

const KINDS: [RegExp, string][] = [
  [/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Android.*Mobile/, "Android phone"], [/Android/, "Android tablet"],
  [/Macintosh/, "Mac"], [/Windows/, "Windows PC"], [/CrOS/, "Chromebook"], [/Linux/, "Linux PC"],
];
const BROWSERS: [RegExp, string][] = [
  [/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"],
];

export function deviceName(agent: string): string {
  const kind = KINDS.find(([pattern]) => pattern.test(agent))?.[1] ?? "Browser";
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent))?.[1];
  return browser ? `${kind}, ${browser}` : kind;
}
