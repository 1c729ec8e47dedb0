import assert from 'node:assert/strict'
import path from 'node:path'
import { makeRigDir, processRuns, removeRigDir, startChild, waitUntil } from './child.ts'

describe('startChild', () => {
  let dir: string
  beforeEach(async () => {
    dir = await makeRigDir('child')
  })
  afterEach(() => removeRigDir(dir))

  const start = (script: string) => startChild('/bin/sh', ['-c', script], path.join(dir, 'log'))
  const said = (word: string) => async () => (child.log().includes(word) ? word : undefined)
  let child: Awaited<ReturnType<typeof startChild>>

  it('waits until the program is ready', async () => {
    child = await start('echo ready; exec sleep 60')
    assert.equal(await waitUntil(child, said('ready')), 'ready')
    await child.end('SIGTERM')
    assert.equal(processRuns(child.pid), false)
  })

  it('kills a program that does not end when it is asked to', async () => {
    child = await start('trap "" TERM; echo ready; while :; do sleep 1; done')
    await waitUntil(child, said('ready'))
    await child.end('SIGTERM', 50)
    assert.equal(processRuns(child.pid), false)
  })

  it('fails with the last words of a program that exits', async () => {
    child = await start('echo no such plugin; exit 3')
    await assert.rejects(waitUntil(child, said('ready')), /exited:\nno such plugin/)
  })

  it('kills a program that never becomes ready', async () => {
    child = await start('exec sleep 60')
    await assert.rejects(waitUntil(child, said('ready'), 50), /is not ready after 50 ms/)
    assert.equal(processRuns(child.pid), false)
  })
})
