import assert from 'node:assert/strict'
import { endedPull } from '../ended-pull.fake.ts'
import { type Failure, StoreFault } from './failure.ts'
import { GroupCommit, type WriteItems } from './group-commit.ts'
import { type PullRow, rowOf } from './rows.ts'

const row = (id: string, body = 'x') => ({ ...rowOf(endedPull(id), 0), body })

type WriteGroups = WriteItems<readonly PullRow[], Failure | undefined>

const charsOf = (rows: readonly PullRow[]) => rows.reduce((sum, { body }) => sum + body.length, 0)

/** Commits that end when the test says so. */
function heldWrites() {
  const commits: { ids: string[][]; end: (failures?: Awaited<ReturnType<WriteGroups>>) => void }[] = []
  const write: WriteGroups = groups => {
    const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<WriteGroups>>>()
    const ids = groups.map(rows => rows.map(({ id }) => id))
    commits.push({ ids, end: (failures = groups.map(() => undefined)) => resolve(failures) })
    return promise
  }
  return { commits, write }
}

/** Lets every promise that can settle do so. */
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

describe('GroupCommit', () => {
  it('puts what came while a commit ran into the next one', async () => {
    const { commits, write } = heldWrites()
    const group = new GroupCommit(write, charsOf)
    const settled: string[] = []
    for (const id of ['a', 'b']) void group.append([row(id)]).then(() => settled.push(id))
    await turn()
    for (const id of ['c', 'd', 'e']) void group.append([row(id)]).then(() => settled.push(id))
    await turn()
    assert.deepEqual(
      commits.map(({ ids }) => ids),
      [[['a'], ['b']]],
    )
    assert.deepEqual(settled, [])
    commits[0]!.end()
    await turn()
    assert.deepEqual(commits[1]?.ids, [['c'], ['d'], ['e']])
    assert.deepEqual(settled, ['a', 'b'])
    commits[1]!.end()
    await group.drained()
    await turn()
    assert.deepEqual(settled, ['a', 'b', 'c', 'd', 'e'])
  })

  it('tells each append its own failure', async () => {
    const { commits, write } = heldWrites()
    const group = new GroupCommit(write, charsOf)
    const appends = Promise.all(['a', 'b'].map(id => group.append([row(id)])))
    await turn()
    const { failure } = new StoreFault('disk_full', 'full', 'free space')
    commits[0]!.end([undefined, failure])
    assert.deepEqual(await appends, [undefined, failure])
  })

  it('bounds one transaction, and refuses what the memory should not hold', async () => {
    const { commits, write } = heldWrites()
    const group = new GroupCommit(write, charsOf)
    const body = 'x'.repeat(3 * 1024 * 1024)
    const appends = Array.from({ length: 40 }, (_, i) => group.append([row(`p${i}`, body)]))
    for (let i = 0; i < commits.length + 1; i++) {
      await turn()
      commits[i]?.end()
    }
    const refused = (await Promise.all(appends)).filter(failure => failure?.kind === 'overloaded').length
    assert.equal(refused, 40 - 21)
    assert.ok(commits.every(({ ids }) => ids.length <= 2))
    assert.equal(commits.flatMap(({ ids }) => ids).length, 21)
  })
})
