import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'

// The last line says which programs run. Its input ends when the owner calls `end`, and also when the owner dies, however it dies.
const script = `
while read -r line; do pids=$line; done
[ -z "$pids" ] || kill -9 $pids 2>/dev/null
tries=0
while [ -n "$1" ] && ! rm -rf "$1" 2>/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
`

/** Outlives its owner for a moment: ends the programs that it watches and removes their folder. */
export class Keeper {
  readonly folder: string
  readonly #child: ChildProcessByStdio<Writable, null, null>
  readonly #pids = new Set<number>()

  /** `folder` is kept; without it there is a temporary one in `parent`, which goes when the keeper ends. */
  constructor({ folder, parent = tmpdir() }: { readonly folder?: string | undefined; readonly parent?: string } = {}) {
    this.folder = folder ?? mkdtempSync(join(parent, 'faust-kafka-'))
    const removed = folder === undefined ? this.folder : ''
    // A group of its own: Ctrl-C in a terminal reaches the owner only.
    this.#child = spawn('sh', ['-c', script, 'keeper', removed], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  }

  watch(pid: number): void {
    this.#pids.add(pid)
    this.#tell()
  }

  forget(pid: number): void {
    this.#pids.delete(pid)
    this.#tell()
  }

  /** Kills what is still watched, removes the temporary folder. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.stdin.writableEnded) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }

  #tell(): void {
    if (!this.#child.stdin.writableEnded) this.#child.stdin.write(`${[...this.#pids].join(' ')}\n`)
  }
}
