import { open } from 'node:fs/promises'

/** Puts on the disk what files a folder has, where the system can do that. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
