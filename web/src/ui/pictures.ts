// Pictures from the camera or the library, made small enough to send: at most 1,568 pixels
// a side, which is what models look at. What is no picture, or a bomb, is refused.

const SIDE = 1568;
const FILE_MAX = 40 * 1024 * 1024;
const SENT_MAX = 1_400_000;

/** Header first: a picture of a gigapixel is refused before it is decoded. */
export function sizeOf(head: Uint8Array): [number, number] | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length > 24 && view.getUint32(0) === 0x89504e47) return [view.getUint32(16), view.getUint32(20)];
  if (head.length > 10 && view.getUint32(0) === 0x47494638) return [view.getUint16(6, true), view.getUint16(8, true)];
  if (head.length > 4 && view.getUint16(0) === 0xffd8) {
    for (let at = 2; at + 9 < head.length;) {
      if (head[at] !== 0xff) return undefined;
      const mark = head[at + 1]!;
      if (mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)) return [view.getUint16(at + 7), view.getUint16(at + 5)];
      at += 2 + view.getUint16(at + 2);
    }
  }
  return undefined;
}

export const PIXELS_MAX = 120_000_000;

/** A data URL, or a sentence on why not. */
export async function shrink(file: Blob): Promise<{ url: string } | { sentence: string }> {
  if (file.size > FILE_MAX) return { sentence: "This file is too large for a picture." };
  const known = sizeOf(new Uint8Array(await file.slice(0, 256 * 1024).arrayBuffer()));
  if (known && known[0] * known[1] > PIXELS_MAX) return { sentence: "This picture has too many pixels to be opened safely." };
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { sentence: "This browser cannot read that picture." };
  }
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  for (const quality of [0.85, 0.7, 0.5, 0.3]) {
    const url = canvas.toDataURL("image/jpeg", quality);
    if (url.length <= SENT_MAX) return { url };
  }
  return { sentence: "This picture cannot be made small enough." };
}

/** Shown only when it is here already: no address of the outside is ever fetched. */
export function isShown(url: string | undefined): url is string {
  return /^data:image\/(png|jpeg|gif|webp);base64,/.test(url ?? "") && url!.length <= 12_000_000;
}
