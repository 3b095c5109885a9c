import { readFile } from 'node:fs/promises'
import { keyOf } from './keys.js'
import type { Metadata } from './metadata.js'

/** One process's time as the owner of a directory. */
export interface Ownership {
  /** One higher than that of the last owner. */
  readonly epoch: number
  /**
   * What an earlier owner than this one has written may not have reached the disk: the machine went down at some time between
   * them.
   */
  readonly suspectBelow: number
}

/** Begins an ownership; what is stored is from now on what the last owner has left. Throws `TransportError`. */
export async function takeOver(metadata: Metadata, bootId: string | undefined): Promise<Ownership> {
  const last = await metadata.get<OwnerRecord>(key)
  const epoch = (last?.epoch ?? 0) + 1
  const boot = bootId ?? (await bootIdOfMachine())
  const isSameBoot = last !== undefined && boot !== null && last.bootId === boot
  const record: OwnerRecord = { epoch, bootId: boot, suspectBelow: isSameBoot ? last.suspectBelow : epoch }
  metadata.set(key, record)
  await metadata.commit(metadata.take(), { isSynced: true })
  return record
}

interface OwnerRecord extends Ownership {
  /** Another one after each start of the machine. */
  readonly bootId: string | null
}

const key = keyOf('broker', 'owner')

/** `null` where the system does not say: then the machine may have gone down before every owner. */
async function bootIdOfMachine(): Promise<string | null> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return text.trim() === '' ? null : text.trim()
}
