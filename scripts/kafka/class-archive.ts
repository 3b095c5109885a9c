import { existsSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Cluster } from './cluster.js'
import type { Distribution } from './distribution.js'
import { quickJvm } from './java.js'
import { Keeper } from './keeper.js'
import { layOut } from './layout.js'
import { freePorts } from './ports.js'

/**
 * Lets a node run once and keeps the classes that it has loaded in a file, for all JVMs from now on to map: a start takes half
 * the time and half the processor. Does nothing when the file is there.
 */
export async function archiveClasses(distribution: Distribution): Promise<void> {
  if (existsSync(distribution.classArchive)) return
  const keeper = new Keeper({ parent: dirname(distribution.classArchive) })
  const archive = join(keeper.folder, 'classes.jsa')
  const [port = 0] = await freePorts(1)
  const layout = {
    nodes: await layOut(keeper.folder, [{ PLAINTEXT: port }]),
    listeners: { PLAINTEXT: 'PLAINTEXT' as const },
    properties: {},
  }
  const cluster = new Cluster({ distribution, layout, keeper, jvm: [...quickJvm, `-XX:ArchiveClassesAtExit=${archive}`] })
  try {
    await cluster.start()
    await cluster.broker(1).stop(60_000)
    if (existsSync(archive)) renameSync(archive, distribution.classArchive)
  } finally {
    await cluster.close()
  }
}
