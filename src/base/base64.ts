/** Base64 where an engine may be too old to have it built in: Node 20 and browsers of before 2025. */

/** The bytes that a text stands for. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (typeof Uint8Array.fromBase64 === "function") return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** The text that stands for bytes. */
export function toBase64(bytes: Uint8Array<ArrayBuffer>): string {
  if (typeof bytes.toBase64 === "function") return bytes.toBase64();
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
