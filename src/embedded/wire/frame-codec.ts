import { frameHeaderSize } from './frame.js'

/** A frame without payload. */
export function emptyFrame(kind: number, id: number): Buffer {
  return withHeader(Buffer.allocUnsafe(frameHeaderSize), { kind, id, payloadBytes: 0 })
}

/** A frame whose payload is this value as JSON. */
export function jsonFrame(kind: number, id: number, value: unknown): Buffer {
  const text = JSON.stringify(value)
  const payloadBytes = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(frameHeaderSize + payloadBytes)
  frame.write(text, frameHeaderSize)
  return withHeader(frame, { kind, id, payloadBytes })
}

/** The beginning of a frame with blocks: write it, then the blocks as they are. `blockBytes` is the sum of theirs. */
export function blocksFrame(kind: number, id: number, { head, blockBytes }: { head: unknown; blockBytes: number }): Buffer {
  const text = JSON.stringify(head)
  const textBytes = Buffer.byteLength(text)
  const headBytes = aligned(4 + textBytes)
  const frame = Buffer.allocUnsafe(frameHeaderSize + headBytes).fill(' ', frameHeaderSize + 4 + textBytes)
  frame.writeUInt32LE(textBytes, frameHeaderSize)
  frame.write(text, frameHeaderSize + 4)
  return withHeader(frame, { kind, id, payloadBytes: headBytes + blockBytes })
}

/** What a payload of JSON says. */
export function readJson<Value>(payload: Buffer): Value {
  return JSON.parse(payload.toString()) as Value
}

/** What a payload with blocks says of them, and where they begin. */
export function readBlocksHead<Head>(payload: Buffer): { readonly head: Head; readonly at: number } {
  const end = 4 + payload.readUInt32LE(0)
  return { head: JSON.parse(payload.toString('utf8', 4, end)) as Head, at: aligned(end) }
}

function withHeader(frame: Buffer, { kind, id, payloadBytes }: { kind: number; id: number; payloadBytes: number }): Buffer {
  frame.writeUInt32LE(payloadBytes, 0)
  frame.writeUInt32LE(kind, 4)
  frame.writeUInt32LE(id, 8)
  frame.writeUInt32LE(0, 12)
  return frame
}

/** The next multiple of 8, so that columns of blocks can be read in place. */
function aligned(bytes: number): number {
  return (bytes + 7) & ~7
}
