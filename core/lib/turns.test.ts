import assert from 'node:assert/strict'
import { Code, PulltraceError } from './errors.ts'
import { Turns } from './turns.ts'

const tooMany = () => new PulltraceError(Code.Unavailable, 'too many')

describe('Turns', () => {
  it('lets some work, some wait in order, and turns the others away', async () => {
    const turns = new Turns(2, 2, tooMany)
    const ends: (() => void)[] = []
    const begun: number[] = []
    const work = (id: number) =>
      turns.take(
        () =>
          new Promise<number>(end => {
            begun.push(id)
            ends.push(() => end(id))
          }),
      )
    const all = [1, 2, 3, 4].map(work)
    await assert.rejects(work(5), { code: 'unavailable' })
    assert.deepEqual(begun, [1, 2])
    ends[1]!()
    assert.equal(await all[1], 2)
    assert.deepEqual(begun, [1, 2, 3])
    ends[0]!()
    ends[2]!()
    await Promise.all([all[0], all[2]])
    ends[3]!()
    assert.deepEqual(await Promise.all(all), [1, 2, 3, 4])
    const after = [6, 7].map(work)
    assert.deepEqual(begun, [1, 2, 3, 4, 6, 7])
    for (const end of ends) end()
    await Promise.all(after)
  })

  it('goes on after work that failed', async () => {
    const turns = new Turns(1, 5, tooMany)
    const failed = turns.take(() => Promise.reject(new Error('no')))
    const next = turns.take(async () => 'yes')
    await assert.rejects(failed, /no/)
    assert.equal(await next, 'yes')
  })

  it('skips whoever has gone, and gives the place of one to a newcomer', async () => {
    const turns = new Turns(1, 2, tooMany)
    const first = Promise.withResolvers<void>()
    const running = turns.take(() => first.promise)
    const begun: string[] = []
    const gone = new Set<string>()
    const ask = (name: string) =>
      turns.take(
        async () => void begun.push(name),
        () => gone.has(name),
      )
    const [a, b] = [ask('a'), ask('b')]
    gone.add('a')
    const c = ask('c')
    await assert.rejects(a, { code: 'unavailable', message: 'who asked has gone' })
    await assert.rejects(ask('d'), { message: 'too many' })
    gone.add('b')
    first.resolve()
    await Promise.all([running, c, assert.rejects(b, { code: 'unavailable' })])
    assert.deepEqual(begun, ['c'])
    await ask('e')
    assert.deepEqual(begun, ['c', 'e'])
  })
})
