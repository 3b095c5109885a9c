import zlib from 'node:zlib'
import { TransportError } from '../../errors.js'
import type { Algorithm } from './compression.js'
import { damaged, mostExpandedBytes } from './expansion.js'

/** zstd of the runtime (Node 22.15 and newer), else of the package @bokuweb/zstd-wasm; without both its use throws `TransportError`. */
export function loadZstd(): Promise<Algorithm> {
  return (loaded ??= chooseZstd(zlib as Partial<BuiltIn>, () => import('@bokuweb/zstd-wasm')))
}

/** The package has a memory of its own: once is enough. */
let loaded: Promise<Algorithm> | undefined

/** What `node:zlib` has in newer runtimes. */
export interface BuiltIn {
  readonly zstdCompressSync: (bytes: Buffer) => Buffer
  readonly zstdDecompressSync: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer
}

/** What we use of the package. */
export interface Compiled {
  readonly init: () => Promise<void>
  readonly compress: (bytes: Buffer) => Uint8Array
  readonly decompress: (bytes: Buffer, options: { defaultHeapSize: number }) => Uint8Array
}

export async function chooseZstd(runtime: Partial<BuiltIn>, load: () => Promise<Compiled>): Promise<Algorithm> {
  const { zstdCompressSync, zstdDecompressSync } = runtime
  if (zstdCompressSync && zstdDecompressSync) {
    const limit = { maxOutputLength: mostExpandedBytes }
    return { compress: bytes => zstdCompressSync(bytes), decompress: bytes => zstdDecompressSync(bytes, limit) }
  }
  try {
    const compiled = await load()
    await compiled.init()
    return { compress: bytes => compiled.compress(bytes), decompress: bytes => expand(bytes, compiled) }
  } catch (error) {
    const refuse = (): never => {
      throw missing(error)
    }
    return { compress: refuse, decompress: refuse }
  }
}

/** The Java client does not say how large the content is, and the decompressor wants to know: it is asked with more and more room. */
function expand(bytes: Buffer, { decompress }: Compiled): Uint8Array {
  if (declaredBytes(bytes) > mostExpandedBytes) throw damaged('zstd', `it has more than ${mostExpandedBytes} bytes`)
  for (let room = Math.max(firstRoom, 8 * bytes.length); ; room *= 4) {
    try {
      return decompress(bytes, { defaultHeapSize: Math.min(room, mostExpandedBytes) })
    } catch (error) {
      const isTooSmall = error instanceof Error && error.message.endsWith('code -70')
      if (!isTooSmall || room >= mostExpandedBytes) throw error
    }
  }
}

const firstRoom = 1024 * 1024

/** The size that a frame gives for its content in four or eight bytes, else 0: it reserves that much, whatever follows. */
function declaredBytes(frame: Buffer): number {
  const descriptor = frame[4] ?? 0
  const sizeBytes = descriptor >>> 6 === 2 ? 4 : descriptor >>> 6 === 3 ? 8 : 0
  const isSingleSegment = (descriptor & 0x20) !== 0
  const at = 5 + (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] as number)
  if (sizeBytes === 0 || at + sizeBytes > frame.length) return 0
  return sizeBytes === 4 ? frame.readUInt32LE(at) : frame.readUInt32LE(at) + 2 ** 32 * frame.readUInt32LE(at + 4)
}

function missing(cause: unknown): TransportError {
  const remedy = 'Run it on Node.js 22.15 or newer, or run `npm install @bokuweb/zstd-wasm`.'
  return new TransportError(`Cannot use zstd: neither this runtime nor a package has it. ${remedy}`, { cause, retriable: false })
}
