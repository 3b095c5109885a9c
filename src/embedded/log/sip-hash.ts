import type { Random } from '../../lib/random.js'

/**
 * SipHash-2-4 with 128 bits: keys of messages cannot be made to collide by who does not know the secret. After `hash`, the
 * words `a` to `d` are the result.
 */
export class SipHash {
  a = 0
  b = 0
  c = 0
  d = 0
  readonly #secret: Int32Array
  /** Four words of 64 bits, low half first. */
  readonly #state = new Int32Array(8)

  constructor(secret: Int32Array) {
    this.#secret = secret
  }

  hash(bytes: Buffer, start: number, end: number): void {
    const state = this.#state
    this.#begin()
    const tail = end - ((end - start) & 7)
    for (let at = start; at < tail; at += 8) absorb(state, wordAt(bytes, at), wordAt(bytes, at + 4))
    absorbTail(state, bytes, { start, tail, end })
    state[4] = (state[4] as number) ^ 0xee
    for (let round = 0; round < 4; round++) mix(state)
    this.a = fold(state, 0)
    this.b = fold(state, 1)
    state[2] = (state[2] as number) ^ 0xdd
    for (let round = 0; round < 4; round++) mix(state)
    this.c = fold(state, 0)
    this.d = fold(state, 1)
  }

  #begin(): void {
    const [k0, k1, k2, k3] = this.#secret as unknown as [number, number, number, number]
    const state = this.#state
    state[0] = k0 ^ 0x70736575
    state[1] = k1 ^ 0x736f6d65
    state[2] = k2 ^ 0x6e646f6d ^ 0xee
    state[3] = k3 ^ 0x646f7261
    state[4] = k0 ^ 0x6e657261
    state[5] = k1 ^ 0x6c796765
    state[6] = k2 ^ 0x79746573
    state[7] = k3 ^ 0x74656462
  }
}

/** A secret for `SipHash`. */
export function secretFrom(random: Random): Int32Array {
  return Int32Array.from({ length: 4 }, () => Math.floor(random.next() * 2 ** 32) | 0)
}

function wordAt(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  )
}

function absorbTail(state: Int32Array, bytes: Buffer, { start, tail, end }: { start: number; tail: number; end: number }): void {
  let [low, high] = [0, (end - start) << 24]
  for (let at = end - 1; at >= tail; at--) {
    if (at - tail < 4) low |= (bytes[at] as number) << (8 * (at - tail))
    else high |= (bytes[at] as number) << (8 * (at - tail - 4))
  }
  absorb(state, low, high)
}

function absorb(state: Int32Array, low: number, high: number): void {
  state[6] = (state[6] as number) ^ low
  state[7] = (state[7] as number) ^ high
  mix(state)
  mix(state)
  state[0] = (state[0] as number) ^ low
  state[1] = (state[1] as number) ^ high
}

function fold(state: Int32Array, half: 0 | 1): number {
  return (state[half] as number) ^ (state[2 + half] as number) ^ (state[4 + half] as number) ^ (state[6 + half] as number)
}

/** One round. */
function mix(state: Int32Array): void {
  stir(state, 0x020d)
  swap(state, 0)
  stir(state, 0x4610)
  stir(state, 0x0615)
  stir(state, 0x4211)
  swap(state, 4)
}

/** Adds one word to another, turns it by some bits and mixes the sum into it. The digits of `step`: target, word, two of bits. */
function stir(state: Int32Array, step: number): void {
  const target = step >>> 12
  const word = (step >>> 8) & 15
  const bits = step & 255
  const low = state[word] as number
  const high = state[word + 1] as number
  const sum = ((state[target] as number) + low) | 0
  const carry = sum >>> 0 < low >>> 0 ? 1 : 0
  const top = ((state[target + 1] as number) + high + carry) | 0
  state[target] = sum
  state[target + 1] = top
  state[word] = ((low << bits) | (high >>> (32 - bits))) ^ sum
  state[word + 1] = ((high << bits) | (low >>> (32 - bits))) ^ top
}

/** Turns a word by half. */
function swap(state: Int32Array, word: number): void {
  const low = state[word] as number
  state[word] = state[word + 1] as number
  state[word + 1] = low
}
