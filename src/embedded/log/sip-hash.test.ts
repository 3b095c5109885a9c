import { expect, test } from 'vitest'
import { SipHash } from './sip-hash.js'

/** Of its authors' reference implementation: the key is 00 01 … 0f, the messages are 00 01 … as long as the key says. */
const vectors: Readonly<Record<number, string>> = {
  0: 'a3817f04ba25a8e66df67214c7550293',
  1: 'da87c1d86b99af44347659119b22fc45',
  63: '5150d1772f50834a503e069a973fbd7c',
}

test('hashes as SipHash-2-4 with 128 bits does', () => {
  const secret = new Int32Array(Uint8Array.from({ length: 16 }, (_, index) => index).buffer)
  const hash = new SipHash(secret)
  for (const [length, expected] of Object.entries(vectors)) {
    const bytes = Buffer.from(Array.from({ length: Number(length) + 5 }, (_, index) => index - 2))
    hash.hash(bytes, 2, 2 + Number(length))
    expect(Buffer.from(Int32Array.of(hash.a, hash.b, hash.c, hash.d).buffer).toString('hex')).toBe(expected)
  }
})
