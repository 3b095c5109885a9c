/** How far a file has come, on standard error: one line that rewrites itself on a terminal, else a line per quarter. */
export class Progress {
  readonly #total: number
  #read = 0
  #shown = 0

  constructor(totalBytes: number) {
    this.#total = totalBytes
  }

  /** So many bytes more have been read. */
  read(bytes: number): void {
    this.#read += bytes
  }

  show(what: string): void {
    const percent = Math.min(99, Math.floor((100 * this.#read) / this.#total))
    this.#print(process.stderr.isTTY ? percent : percent - (percent % 25), what)
  }

  end(what: string): void {
    this.#print(100, what)
    if (process.stderr.isTTY) process.stderr.write('\n\n')
  }

  #print(percent: number, what: string): void {
    if (percent === this.#shown) return
    this.#shown = percent
    const full = Math.round(percent / 4)
    const bar = '█'.repeat(full) + '░'.repeat(25 - full)
    process.stderr.write(process.stderr.isTTY ? `\r\u001B[K${bar} ${percent} %  ${what}` : `${percent} %: ${what}\n`)
  }
}
