import { createRequire } from 'node:module'
import { OptionError } from '../errors.js'
import type { Codec } from './codec.js'

/** MessagePack, which other languages can read; needs the package msgpackr, else its first use throws OptionError. */
export const msgpack: Codec = {
  encode: value => packr().pack(value),
  decode: bytes => packr().unpack(bytes),
}

interface Packr {
  pack(value: unknown): Uint8Array
  unpack(bytes: Uint8Array): unknown
}

let loaded: Packr | undefined

/** Loaded at first use: most apps do without it, and encoding is synchronous. */
function packr(): Packr {
  return (loaded ??= load())
}

function load(): Packr {
  try {
    const { Packr } = createRequire(import.meta.url)('msgpackr') as { Packr: new (options: object) => Packr }
    // Records are an extension that only msgpackr reads; a view of the batch would keep all of it in memory.
    return new Packr({ useRecords: false, copyBuffers: true })
  } catch (error) {
    throw new OptionError('Cannot use the codec msgpack: the package msgpackr is not installed. Run `npm install msgpackr`.', {
      option: 'codec',
      cause: error,
    })
  }
}
