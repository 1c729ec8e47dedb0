import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { badForMs, goodForMs, renewAfterMs, strangers, VerdictCache } from './verdict-cache.ts'

const refusal = () => new PulltraceError(Code.Unauthenticated, 'not valid')
const away = () => new PulltraceError(Code.Unavailable, 'away')

/** A cache whose questions are answered by hand. */
function askedByHand(maxTokens?: number) {
  const clock = new FakeClock(1_000_000)
  const questions: { token: string; good(expiresAtMs?: number): Promise<void>; bad(error: Error): Promise<void> }[] = []
  const cache = new VerdictCache<string>({
    clock,
    ...(maxTokens !== undefined && { maxTokens }),
    ask: token => {
      const answer = Promise.withResolvers<{ value: string; expiresAtMs: number | undefined }>()
      questions.push({
        token,
        good: async expiresAtMs => {
          answer.resolve({ value: `who ${token}`, expiresAtMs })
          await settled()
        },
        bad: async error => {
          answer.reject(error)
          await settled()
        },
      })
      return answer.promise
    },
  })
  return { clock, questions, cache }
}

const settled = () => new Promise<void>(resolve => setImmediate(resolve))

/** Learns that `token` is good. */
async function learnt(expiresAtMs?: number) {
  const parts = askedByHand()
  const first = parts.cache.of('t')
  await parts.questions[0]!.good(expiresAtMs)
  assert.equal(await first, 'who t')
  return parts
}

describe('VerdictCache', () => {
  it('answers at once, without a promise, what it knows', async () => {
    const { cache, questions } = await learnt()
    assert.equal(cache.of('t'), 'who t')
    assert.equal(questions.length, 1)
  })

  it('asks once for many callers of one token', async () => {
    const { cache, questions } = askedByHand()
    const callers = [cache.of('t'), cache.of('t'), cache.of('t')]
    await questions[0]!.good()
    assert.deepEqual(await Promise.all(callers), ['who t', 'who t', 'who t'])
    assert.equal(questions.length, 1)
  })

  it('renews a good answer while it holds, and nobody waits for that', async () => {
    const { cache, clock, questions } = await learnt()
    clock.advance(renewAfterMs)
    assert.equal(cache.of('t'), 'who t')
    assert.equal(cache.of('t'), 'who t')
    assert.equal(questions.length, 2)
    await questions[1]!.good()
    clock.advance(goodForMs - 1)
    assert.equal(cache.of('t'), 'who t', 'holds for its whole time from the renewal on')
  })

  it('refuses from the moment that a renewal is refused', async () => {
    const { cache, clock, questions } = await learnt()
    clock.advance(renewAfterMs)
    cache.of('t')
    await questions[1]!.bad(refusal())
    assert.throws(() => cache.of('t'), { code: 'unauthenticated' })
  })

  it('goes on with a good answer for a minute from its question on, and no longer, when nobody can be asked', async () => {
    const { cache, clock, questions } = await learnt()
    clock.advance(goodForMs - 1)
    assert.equal(cache.of('t'), 'who t')
    await questions[1]!.bad(away())
    assert.equal(cache.of('t'), 'who t')
    await questions[2]!.bad(away())
    clock.advance(1)
    const asked = cache.of('t')
    await questions[3]!.bad(away())
    await assert.rejects(async () => asked, { code: 'unavailable' })
  })

  it('counts the minute from the question, as the answer can be old when it comes', async () => {
    const { cache, clock, questions } = askedByHand()
    const first = cache.of('t')
    clock.advance(10_000)
    await questions[0]!.good()
    await first
    clock.advance(goodForMs - 10_000)
    assert.ok(cache.of('t') instanceof Promise)
  })

  it('never holds an answer beyond the end of the token', async () => {
    const { cache, clock } = await learnt(1_000_000 + 7000)
    clock.advance(6999)
    assert.equal(cache.of('t'), 'who t')
    clock.advance(1)
    assert.ok(cache.of('t') instanceof Promise)
  })

  it('remembers a refusal for a few seconds, and an API server that is away not at all', async () => {
    const { cache, clock, questions } = askedByHand()
    const first = cache.of('t')
    await questions[0]!.bad(refusal())
    await assert.rejects(async () => first, { code: 'unauthenticated' })
    clock.advance(badForMs - 1)
    assert.throws(() => cache.of('t'), { code: 'unauthenticated' })
    clock.advance(1)
    const again = cache.of('t')
    await questions[1]!.bad(away())
    await assert.rejects(async () => again, { code: 'unavailable' })
    assert.ok(cache.of('t') instanceof Promise)
  })

  it('keeps a bounded number of tokens, the newest, and made-up ones push out no good one', async () => {
    const { cache, questions } = askedByHand(2)
    const ask = async (token: string, answer: (question: (typeof questions)[number]) => Promise<void>) => {
      const asked = cache.of(token)
      await answer(questions.at(-1)!)
      await Promise.allSettled([asked])
    }
    for (const token of ['a', 'b', 'c']) await ask(token, question => question.good())
    for (const token of ['x', 'y', 'z']) await ask(token, question => question.bad(refusal()))
    assert.equal(cache.of('c'), 'who c')
    assert.equal(cache.of('b'), 'who b')
    assert.ok(cache.of('a') instanceof Promise)
    assert.throws(() => cache.of('z'))
    assert.ok(cache.of('x') instanceof Promise)
  })

  it('asks about a bounded number of tokens at a time, lets a bounded number wait, and refuses none of these for ever', async () => {
    const { cache, questions } = askedByHand()
    const { maxAtOnce, maxWaiting } = strangers
    const asked = Array.from({ length: maxAtOnce + maxWaiting }, (_, index) => cache.of(`t${index}`))
    assert.equal(questions.length, maxAtOnce)
    await assert.rejects(async () => cache.of('one too many'), { code: 'unavailable' })
    while (questions.length < asked.length) await questions.at(-1)!.good()
    await Promise.all(questions.map(question => question.good()))
    assert.equal((await Promise.all(asked)).length, maxAtOnce + maxWaiting)
  })

  for (const { name, afterMs } of [
    { name: 'renews an answer', afterMs: renewAfterMs },
    { name: 'asks again about what was good, but not for a minute,', afterMs: 10 * goodForMs },
  ]) {
    it(`${name} at once, however many made-up tokens wait`, async () => {
      const { cache, clock, questions } = await learnt()
      clock.advance(afterMs)
      const { maxAtOnce, maxWaiting } = strangers
      for (let made = 0; made < maxAtOnce + maxWaiting; made++) void cache.of(`made up ${made}`)
      const before = questions.length
      const answer = cache.of('t')
      assert.deepEqual(
        questions.slice(before).map(({ token }) => token),
        ['t'],
      )
      await questions[before]!.good()
      assert.equal(await answer, 'who t')
    })
  }

  it('knows a thousand agents that come in one moment, without waiting for time to pass', async () => {
    const clock = new FakeClock()
    const cache = new VerdictCache<string>({ clock, ask: async value => ({ value, expiresAtMs: undefined }) })
    await Promise.all(Array.from({ length: 1000 }, (_, index) => cache.of(`t${index}`, 'one proxy')))
    assert.deepEqual(clock.slept, [])
  })

  it('asks about a new token from elsewhere next, however many from one address wait', async () => {
    const { cache, questions } = askedByHand()
    const { maxAtOnce, maxWaiting } = strangers
    const flood = Array.from({ length: maxAtOnce + maxWaiting }, (_, index) => cache.of(`made up ${index}`, 'flood'))
    // Rejections are looked at: most of these have no answer yet.
    void Promise.allSettled(flood)
    const answer = cache.of('new', 'node-a')
    await assert.rejects(async () => flood.at(-1), { code: 'unavailable' })
    await questions[0]!.bad(refusal())
    await questions[1]!.bad(refusal())
    await Promise.allSettled(flood.slice(0, 2))
    await questions.find(({ token }) => token === 'new')!.good()
    assert.equal(await answer, 'who new')
  })

  it('asks nobody, and keeps nothing, about what is not worth a question', () => {
    const checked: string[] = []
    const cache = new VerdictCache<string>({
      clock: new FakeClock(),
      check: token => {
        checked.push(token)
        throw refusal()
      },
      ask: async () => assert.fail('asked'),
    })
    assert.throws(() => cache.of('t'), { code: 'unauthenticated' })
    assert.throws(() => cache.of('t'), { code: 'unauthenticated' })
    assert.deepEqual(checked, ['t', 't'])
  })
})
