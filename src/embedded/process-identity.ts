import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Who this process is, so that another one of this machine can tell when it is dead: opaque, and nobody else's, also after its
 * number was given to another process. `null` where that could not be told for certain.
 */
export function processIdentity(): string | null {
  own ??= identify()
  return own?.text ?? null
}

/** Whether the process is dead for certain: a zombie is, one of another namespace or another start of the machine never. */
export function isDead(identity: string): boolean {
  const [world, pid, start] = identity.split(' ')
  processIdentity()
  if (own === null || own === undefined || world !== own.world) return false
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // Only this says that there is none: one that may not be signalled is alive.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
  if (start === undefined) return false
  const now = statusOf(String(pid))
  return now !== null && (now.isEnded || now.start !== start)
}

interface Identity {
  /** Within it a number means the same process for everybody. */
  readonly world: string
  readonly text: string
}

/** `undefined` until somebody asks. */
let own: Identity | null | undefined

function identify(): Identity | null {
  const { pid, platform } = process
  // Without jails or namespaces a number is enough: one that is given again is merely not known to be dead.
  if (platform === 'darwin' || platform === 'win32') return { world: platform, text: `${platform} ${pid}` }
  return platform === 'linux' ? identifyOnLinux(pid) : null
}

function identifyOnLinux(pid: number): Identity | null {
  try {
    // Else /proc counts processes otherwise than this one is counted.
    if (readlinkSync('/proc/self') !== String(pid)) return null
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const world = ['linux', boot, readlinkSync('/proc/self/ns/pid'), timeNamespace()].join('/')
    const status = statusOf('self')
    return status && { world, text: `${world} ${pid} ${status.start}` }
  } catch {
    return null
  }
}

/** Times of start are counted from its beginning. Old systems have but one. */
function timeNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/time')
  } catch {
    return '-'
  }
}

/** `null` for one that is not there, or is not shown. */
function statusOf(pid: string): { readonly isEnded: boolean; readonly start: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name before it is in brackets and may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const [state = ''] = fields
    const start = fields[19]
    return start === undefined ? null : { isEnded: 'ZXx'.includes(state), start }
  } catch {
    return null
  }
}
