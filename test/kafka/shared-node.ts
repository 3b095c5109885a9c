// One node for the whole run: suites that do no harm to it need none of their own.
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { archiveClasses } from '../../scripts/kafka/class-archive.js'
import { fetchDistribution } from '../../scripts/kafka/distribution.js'
import { startCluster } from './cluster.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** `host:port` of a node that all suites share: name topics and groups after the test, and leave it running. */
    kafka: string
    /** What it has on disk of its partitions: a folder for each. */
    kafkaMessages: string
  }
}

/** Starts the node; what it returns ends it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await archiveClasses(await fetchDistribution())
  const cluster = await startCluster()
  project.provide('kafka', cluster.bootstrap())
  project.provide('kafkaMessages', join(cluster.folder, '1', 'messages'))
  return () => cluster.close()
}
