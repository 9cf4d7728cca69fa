// Serves build/web as the host does: the same content policy, the relay in the meta.

import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../build/web", import.meta.url));
const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css",
  ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json",
};

export async function servePage(relays: string): Promise<{ url: string; server: Server }> {
  const policy = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
    `connect-src 'self' ${relays}`, "manifest-src 'self'", "font-src 'self'", "worker-src 'self'",
    "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join("; ");
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url!, "http://x").pathname);
    try {
      let body: Buffer | string = await readFile(join(ROOT, path === "/" ? "index.html" : path));
      if (path === "/") body = body.toString().replace('name="farhand-relay" content=""', `name="farhand-relay" content="${relays}"`);
      response.writeHead(200, {
        "content-type": TYPES[extname(path === "/" ? "index.html" : path)] ?? "application/octet-stream",
        "content-security-policy": policy,
        "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
      }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}
