import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Keeper } from './keeper.js'
import { run } from './run.js'

/** Apache Kafka as it can be run on this machine. */
export interface Distribution {
  readonly java: string
  readonly keytool: string
  /** What follows `-cp`. */
  readonly classpath: string
  /** Where its classes lie ready to be mapped, once somebody has put them there. */
  readonly classArchive: string
}

const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
const pomText = readFileSync(pom, 'utf8')

/** What the pom file says, unless KAFKA_VERSION asks for another one to be tried. */
export const kafkaVersion: string = process.env['KAFKA_VERSION'] ?? /<kafka\.version>(.+?)</.exec(pomText)?.[1] ?? ''

/** Where everything goes that is fetched or kept: ignored by git. */
export const kafkaFolder: string = fileURLToPath(new URL('../../.kafka/', import.meta.url))

const jars = join(kafkaFolder, `jars-${createHash('sha256').update(pomText).update(kafkaVersion).digest('hex').slice(0, 8)}`)

/** What keeps Kafka from running here and what to do about it, in one line; undefined when nothing does. */
export function whatIsMissing(): string | undefined {
  const version = javaVersion()
  const program = javaProgram('java')
  if (version === undefined) return `Kafka needs Java 17 or newer, and there is no working "${program}": install a JDK.`
  if (Number.parseInt(version, 10) < 17) {
    return `Kafka needs Java 17 or newer, and "${program}" is version ${version}: install a newer JDK, or set JAVA_HOME.`
  }
  if (existsSync(jars) || spawnSync('mvn', ['--version']).status === 0) return undefined
  return `Apache Kafka ${kafkaVersion} is fetched through Maven, and there is no working "mvn": install Maven.`
}

/** Kafka's jars, fetched if they are not here yet. Throws when something is missing or Maven fails. */
export async function fetchDistribution(): Promise<Distribution> {
  const missing = whatIsMissing()
  if (missing !== undefined) throw new Error(missing)
  if (!existsSync(jars)) {
    console.log(`Fetching Apache Kafka ${kafkaVersion} through Maven, once (about 55 MB).`)
    await fetchJars()
  }
  return {
    java: javaProgram('java'),
    keytool: javaProgram('keytool'),
    classpath: join(jars, '*'),
    classArchive: `${jars}-java-${javaVersion()}.jsa`,
  }
}

function javaVersion(): string | undefined {
  const { status, stderr } = spawnSync(javaProgram('java'), ['-XX:-UsePerfData', '-version'], { encoding: 'utf8' })
  return status === 0 ? /version "([^"]+)"/.exec(stderr)?.[1] : undefined
}

function javaProgram(name: string): string {
  const home = process.env['JAVA_HOME']
  return home === undefined || home === '' ? name : join(home, 'bin', name)
}

/** Whatever interrupts it, the folder of the jars is whole or absent. */
async function fetchJars(): Promise<void> {
  mkdirSync(kafkaFolder, { recursive: true })
  const keeper = new Keeper({ parent: kafkaFolder })
  const fetched = join(keeper.folder, 'jars')
  try {
    const properties = [`-DoutputDirectory=${fetched}`, `-Dkafka.version=${kafkaVersion}`]
    await run(['mvn', '-B', '-q', '-f', pom, 'dependency:copy-dependencies', ...properties], keeper, { limitMs: 600_000 })
    if (!existsSync(jars)) renameSync(fetched, jars)
  } finally {
    await keeper.end()
  }
}
