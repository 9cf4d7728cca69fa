// Imported before anything else: a pairing link is a secret, and it leaves the address
// bar and the history before the first component exists.

let link: string | undefined;

if (location.hash.startsWith("#p=")) {
  link = location.hash;
  history.replaceState(null, "", location.pathname + location.search);
}

/** The link this page was opened with, once. */
export function takeLink(): string | undefined {
  const taken = link;
  link = undefined;
  return taken;
}

const meta = document.querySelector<HTMLMetaElement>('meta[name="farhand-relay"]');

/** The relays that the page's server allows; the first one resolves phrases. */
export const relays: readonly string[] = (meta?.content ?? "").split(/\s+/).filter(Boolean);

export function mayDial(url: string): boolean {
  return relays.length === 0 || relays.includes(url);
}
