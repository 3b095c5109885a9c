import { closeSync, openSync } from 'node:fs'
import { ClosedError } from '../../errors.js'

/** A file that is open while somebody uses it, and as long afterwards as there is room among the open ones. */
export class LogFile {
  readonly path: string
  /** Called when it is closed for want of room. */
  onCold: () => void = () => undefined
  /** -1 while it is closed. */
  fd = -1
  users = 0
  /** It has been removed or replaced: what is still at the path is not for those who hold this. */
  isGone = false

  constructor(path: string) {
    this.path = path
  }
}

/** The files that are open, the one used longest ago first. */
export class OpenFiles {
  readonly #limit: number
  readonly #files = new Set<LogFile>()
  #latest: LogFile | null = null
  #isClosed = false

  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#files.size
  }

  /** Its descriptor, good until control goes back to the event loop. Throws what opening throws. */
  touch(file: LogFile, mode: 'existing' | 'new' = 'existing'): number {
    if (this.#latest === file) return file.fd
    if (this.#isClosed) throw new ClosedError(`Cannot open ${file.path}: this process does not own the broker any more.`)
    if (file.fd === -1) file.fd = openSync(file.path, mode === 'new' ? 'w+' : 'r+')
    this.#files.delete(file)
    this.#files.add(file)
    this.#latest = file
    if (this.#files.size > this.#limit) this.#closeOldest()
    return file.fd
  }

  /** The same for as long as it takes: it stays open until `release`. */
  hold(file: LogFile): number {
    const fd = this.touch(file)
    file.users++
    return fd
  }

  release(file: LogFile): void {
    file.users--
    if (file.users > 0) return
    if (file.isGone || this.#isClosed) this.#close(file)
    else if (this.#files.size > this.#limit) this.#closeOldest()
  }

  /** Closes a file that is not there any more; who still holds it goes on until they are done. */
  forget(file: LogFile): void {
    file.isGone = true
    if (file.users === 0) this.#close(file)
  }

  /** Closes all; what is held at the moment when it is released. */
  close(): void {
    this.#isClosed = true
    this.#latest = null
    for (const file of this.#files) if (file.users === 0) this.#close(file)
  }

  #closeOldest(): void {
    for (const file of this.#files) {
      if (file.users > 0 || file === this.#latest) continue
      this.#close(file)
      file.onCold()
      if (this.#files.size <= this.#limit) return
    }
  }

  #close(file: LogFile): void {
    if (file.fd === -1) return
    closeSync(file.fd)
    file.fd = -1
    this.#files.delete(file)
    if (this.#latest === file) this.#latest = null
  }
}
