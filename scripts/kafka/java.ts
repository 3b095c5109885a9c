import { existsSync } from 'node:fs'
import type { Distribution } from './distribution.js'
import { Keeper } from './keeper.js'
import { run, type RunOptions } from './run.js'

/** Runs one of Kafka's Java programs and resolves to what it printed. Throws when it fails or takes too long. */
export async function runJava(distribution: Distribution, words: readonly string[], options?: RunOptions): Promise<string> {
  const keeper = new Keeper()
  try {
    const command = javaCommand(distribution, ['-Xmx256m', ...quickJvm], keeper.folder)
    return await run([...command, ...words], keeper, options)
  } finally {
    await keeper.end()
  }
}

/** Code is compiled at once and not very well: right for what runs for seconds. */
export const quickJvm: readonly string[] = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** What to run, up to the name of the class. Nothing goes into the machine's temporary folder, even when the JVM is killed. */
export function javaCommand(
  { java, classpath, classArchive }: Distribution,
  jvm: readonly string[],
  temporary: string,
): [string, ...string[]] {
  const mapped = existsSync(classArchive) ? [`-XX:SharedArchiveFile=${classArchive}`, '-Xlog:cds*=off'] : []
  return [java, ...jvm, ...mapped, '-XX:-UsePerfData', `-Djava.io.tmpdir=${temporary}`, '-cp', classpath]
}
