/** ` Did you mean "adding"?`, or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const limit = Math.max(1, Math.floor(word.length * 0.4))
  const near = candidates.map(name => ({ name, distance: distance(word.toLowerCase(), name.toLowerCase()) }))
  const [best] = near.filter(each => each.distance <= limit).sort((a, b) => a.distance - b.distance)
  return best === undefined ? '' : ` Did you mean "${best.name}"?`
}

/** How many letters must be added, removed or replaced to make one word of the other (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let line = 1; line <= from.length; line++) {
    const next = [line]
    for (let column = 1; column <= to.length; column++) {
      const replaced = cell(row, column - 1) + (from[line - 1] === to[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, cell(row, column) + 1, cell(next, column - 1) + 1))
    }
    row = next
  }
  return cell(row, to.length)
}

function cell(row: readonly number[], column: number): number {
  return row[column] as number
}
