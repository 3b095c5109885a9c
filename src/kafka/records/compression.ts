import { gunzipSync, gzipSync } from 'node:zlib'
import { TransportError } from '../../errors.js'
import { thrown } from '../../lib/thrown.js'
import { damaged, mostExpandedBytes } from './expansion.js'
import { decompressLz4 } from './lz4.js'
import { decompressSnappy } from './snappy.js'

/** The ways to compress records, each at the number that it has on the wire. */
export const compressionNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CompressionName = (typeof compressionNames)[number]

/** One way to compress. Both directions throw for what they cannot do. */
export interface Algorithm {
  readonly compress: (bytes: Buffer) => Uint8Array
  readonly decompress: (bytes: Buffer) => Uint8Array
}

/** What comes from packages and from the runtime. */
export interface Foreign {
  readonly snappy: Algorithm['compress']
  readonly lz4: Algorithm['compress']
  readonly zstd: Algorithm
}

/** Compresses the records of a batch, and decompresses them. */
export class Compression {
  readonly #algorithms: Readonly<Record<CompressionName, Algorithm>>

  constructor({ snappy, lz4, zstd }: Foreign) {
    this.#algorithms = {
      none: { compress: bytes => bytes, decompress: bytes => bytes },
      gzip: {
        compress: bytes => gzipSync(bytes),
        decompress: bytes => gunzipSync(bytes, { maxOutputLength: mostExpandedBytes }),
      },
      // The decompressors of the package are compiled ones that panic at damaged bytes, and some panics later fail for good.
      snappy: { compress: snappy, decompress: decompressSnappy },
      lz4: { compress: lz4, decompress: decompressLz4 },
      zstd,
    }
  }

  /** Throws `TransportError` where the algorithm is missing. */
  compress(name: CompressionName, bytes: Buffer): Buffer {
    return asBuffer(this.#algorithms[name].compress(bytes))
  }

  /** By the algorithm's number on the wire. Throws `TransportError` for one that is unknown or missing, and for damaged bytes. */
  decompress(number: number, bytes: Buffer): Buffer {
    const name = compressionNames[number]
    if (name === undefined) {
      throw new TransportError(`Cannot decompress algorithm ${number}: it is newer than this library. Update faust-ts.`, {
        retriable: false,
      })
    }
    try {
      return asBuffer(this.#algorithms[name].decompress(bytes))
    } catch (error) {
      if (error instanceof TransportError) throw error
      throw damaged(name, thrown(error).message, error)
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
