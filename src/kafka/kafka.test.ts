import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const source = fileURLToPath(new URL('..', import.meta.url))

test.for(['kafka/kafka.ts', 'index.ts'])('whoever imports %s has not loaded the driver, let alone the library', entry => {
  const loaded = loadedBy(join(source, entry))
  expect(loaded).toContain(join(source, 'kafka/kafka-transport.ts'))
  for (const lazy of ['wire.ts', 'connection.ts', 'cluster.ts']) expect(loaded).not.toContain(join(source, 'kafka', lazy))
  expect(loaded).not.toContain('@platformatic/kafka')
})

/** What is loaded with a file: all that it imports by a statement, and what that imports; types are not loaded. */
function loadedBy(file: string, loaded: Set<string> = new Set()): Set<string> {
  if (loaded.has(file)) return loaded
  loaded.add(file)
  if (!file.startsWith(source)) return loaded
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:im|ex)port (?!type\b)(?:[^'";]*? from )?'([^']+)'/gm,
  )) {
    loadedBy(specifier.startsWith('.') ? join(dirname(file), specifier.replace(/\.js$/, '.ts')) : specifier, loaded)
  }
  return loaded
}
