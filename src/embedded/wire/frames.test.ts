import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxPayloadBytes } from './frame.js'
import { blocksFrame, emptyFrame, jsonFrame, readBlocksHead, readJson } from './frame-codec.js'
import { type Frame, FrameReader } from './frame-reader.js'
import { frameKind } from './protocol.js'

const { answer, blocks, cancel, produce } = frameKind

/** What a reader makes of these bytes when they come in chunks that end at these places. */
function read(bytes: Buffer, cuts: readonly number[] = []): Frame[] {
  const frames: Frame[] = []
  // What is not memory of its own is gone after the call.
  const reader = new FrameReader(frame =>
    frames.push(hasBlocks(frame) ? frame : { ...frame, payload: Buffer.from(frame.payload) }),
  )
  let start = 0
  for (const end of [...[...cuts].sort((left, right) => left - right), bytes.length]) {
    const chunk = Buffer.from(bytes.subarray(start, end))
    reader.push(chunk)
    chunk.fill(0xee)
    start = Math.max(start, end)
  }
  return frames
}

function hasBlocks({ kind }: Frame): boolean {
  return kind === blocks || kind === produce
}

test('frames come out as they went in, however they are cut', () => {
  const frame = fc.oneof(
    fc.record({ kind: fc.constant(answer), id: fc.nat(), value: fc.jsonValue() }),
    fc.record({ kind: fc.constant(cancel), id: fc.nat() }),
    fc.record({
      kind: fc.constantFrom(blocks, produce),
      id: fc.nat(),
      value: fc.jsonValue(),
      bytes: fc.uint8Array({ maxLength: 99 }),
    }),
  )
  type Sent = { kind: number; id: number; value?: unknown; bytes?: Uint8Array }
  const encode = ({ kind, id, value, bytes }: Sent): Buffer[] => {
    if (bytes !== undefined) return [blocksFrame(kind, id, { head: value, blockBytes: bytes.length }), Buffer.from(bytes)]
    return [value === undefined ? emptyFrame(kind, id) : jsonFrame(kind, id, value)]
  }
  const decode = ({ kind, id, payload }: Frame): Sent => {
    if (payload.length === 0) return { kind, id }
    if (kind === answer) return { kind, id, value: readJson(payload) }
    const { head, at } = readBlocksHead(payload)
    expect([at % 8, payload.byteOffset % 8]).toEqual([0, 0])
    return { kind, id, value: head, bytes: Uint8Array.from(payload.subarray(at)) }
  }
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat({ max: 600 })), (sent, cuts) => {
      const bytes = Buffer.concat(sent.flatMap(encode))
      const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
      expect(
        plain(
          read(
            bytes,
            cuts.filter(cut => cut < bytes.length),
          ).map(decode),
        ),
      ).toEqual(plain(sent))
    }),
  )
})

test('a payload with blocks has memory of its own, also when it came in one chunk', () => {
  const chunk = Buffer.concat([blocksFrame(blocks, 1, { head: null, blockBytes: 8 }), Buffer.from('12345678')])
  const frames: Frame[] = []
  new FrameReader(frame => frames.push(frame)).push(chunk)
  chunk.fill(0)
  expect(frames[0]?.payload.toString('latin1').slice(-8)).toBe('12345678')
  expect(frames[0]?.payload.buffer.byteLength).toBe(frames[0]?.payload.length)
})

test('a large payload in many chunks is copied once', () => {
  const size = 16 * 1024 * 1024
  const head = blocksFrame(blocks, 7, { head: {}, blockBytes: size })
  const chunk = Buffer.alloc(1024, 'x')
  const frames: Frame[] = []
  const reader = new FrameReader(frame => frames.push(frame))
  const before = process.memoryUsage().arrayBuffers
  reader.push(head)
  for (let sent = 0; sent < size; sent += chunk.length) reader.push(chunk)
  expect(frames[0]?.payload.length).toBe(head.length - 16 + size)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size * 1.5)
})

test('what is no frame is refused before any memory is taken for it', () => {
  const tooLarge = emptyFrame(answer, 1)
  tooLarge.writeUInt32LE(maxPayloadBytes + 1, 0)
  for (const bytes of [tooLarge, Buffer.from('GET / HTTP/1.1\r\n')]) {
    expect(() => read(bytes)).toThrow('begins no frame')
  }
})
