import assert from 'node:assert/strict'
import { giveBack } from './give-back.ts'

describe('giveBack', () => {
  const steps = [5000, 3000, 1000, 0]
  const file = (left: readonly number[]) => {
    const done: string[] = []
    const returnPages = async () => {
      const pages = left[done.filter(step => step !== 'checkpoint').length]
      assert.ok(pages !== undefined, 'asked once too often')
      done.push(`${pages} left`)
      return pages
    }
    const checkpoint = async () => void done.push('checkpoint')
    return { done, returnPages, checkpoint }
  }

  it('goes on until no page is left to give, with what was given in the file', async () => {
    const { done, ...calls } = file(steps)
    await giveBack(calls)
    assert.deepEqual(done, ['5000 left', 'checkpoint', '3000 left', 'checkpoint', '1000 left', 'checkpoint', '0 left'])
  })

  it('ends when a step gave none', async () => {
    const { done, ...calls } = file([5000, 5000])
    await giveBack(calls)
    assert.deepEqual(done, ['5000 left', 'checkpoint', '5000 left'])
  })

  it('ends after the step at which it is told to', async () => {
    const stop = new AbortController()
    const { done, ...calls } = file(steps)
    const checkpoint = async () => {
      await calls.checkpoint()
      stop.abort()
    }
    await giveBack({ ...calls, checkpoint }, stop.signal)
    assert.deepEqual(done, ['5000 left', 'checkpoint'])
  })
})
