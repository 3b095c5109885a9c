import { gunzipSync, gzipSync } from 'node:zlib'
import { type Codec, encodeWith } from './codec.js'

/** Compresses what another codec writes: `gzip(json)`. */
export function gzip(codec: Codec): Codec {
  return {
    encode: value => gzipSync(encodeWith(codec, value)),
    decode: bytes => codec.decode(gunzipSync(bytes)),
  }
}
