import { App } from 'faust-ts'
import { z } from 'zod'

export const app = new App('words')

/** How many of the most frequent words a question is answered with. */
export const top = 20

/** How many shares the words are dealt into. */
export const partitions = 8

/** A line, and which run of the program reads it: what a run that was broken off has left is not counted with the next. */
const Line = z.object({ run: z.string(), text: z.string() })

/** One word on its way to be counted, or the question that closes a partition. */
const Occurrence = z.union([z.object({ run: z.string(), word: z.string() }), z.object({ run: z.string(), top: z.number() })])

/** Keyed by word: all occurrences of a word meet in one partition. */
export const occurrences = app.topic('occurrences', { value: Occurrence, partitions })

/** Told one line at a time; answers with the number of its words. */
export const lines = app.agent('lines', { value: Line }, async function* (stream) {
  for await (const { run, text } of stream) {
    const words = wordsOf(text)
    // Not awaited: the worker commits nothing before all that it has sent is acknowledged.
    for (const word of words) occurrences.send({ run, word }, { key: word })
    yield words.length
  }
})

/**
 * Counts, and is asked. It has an actor for each partition, with counts of its own: no word is in two of them, so that the
 * answers of all partitions only have to be put side by side.
 */
export const counting = app.agent('counting', { topic: occurrences, isolatedPartitions: true }, async function* (stream) {
  const runs = new Map<string, Map<string, number>>()
  for await (const occurrence of stream) {
    const counts = runs.get(occurrence.run) ?? new Map<string, number>()
    runs.set(occurrence.run, counts)
    if ('word' in occurrence) {
      counts.set(occurrence.word, (counts.get(occurrence.word) ?? 0) + 1)
    } else {
      const total = sum(counts.values())
      const leftBehind = sum([...runs.values()].map(each => sum(each.values()))) - total
      yield { total, leftBehind, distinct: counts.size, top: mostFrequent([...counts], occurrence.top) }
    }
  }
})

/** The words of a line: maximal runs of what is not white space, as `wc -w` has it. */
export function wordsOf(line: string): string[] {
  return line.split(/[\t\n\v\f\r ]+/).filter(word => word !== '')
}

export function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

/** The first `max` by count; words with the same count in the order of the alphabet. */
export function mostFrequent(counts: [word: string, count: number][], max: number): [word: string, count: number][] {
  return counts.sort(([left, lefts], [right, rights]) => rights - lefts || (left < right ? -1 : 1)).slice(0, max)
}
