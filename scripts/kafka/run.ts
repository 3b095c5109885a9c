import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Keeper } from './keeper.js'

export interface RunOptions {
  /** Written to its standard input, which then ends. */
  readonly input?: string
  /** How long it may take, in milliseconds; a minute unless said otherwise. */
  readonly limitMs?: number
}

/** Runs a program, watched by the keeper, and resolves to what it printed. Throws when it fails or takes too long. */
export async function run(
  [program, ...words]: readonly [string, ...string[]],
  keeper: Keeper,
  { input = '', limitMs = 60_000 }: RunOptions = {},
): Promise<string> {
  const child = spawn(program, words)
  const { pid } = child
  if (pid !== undefined) keeper.watch(pid)
  const printed: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => printed.push(chunk))
  // A program that does not read all of its input still says how it ended.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    const text = Buffer.concat(printed).toString()
    if (code === 0) return text
    throw new Error(`${program} ended with ${signal ?? `exit code ${code}`}: ${words.join(' ')}\n${text}`)
  } finally {
    clearTimeout(timer)
    if (pid !== undefined) keeper.forget(pid)
  }
}
