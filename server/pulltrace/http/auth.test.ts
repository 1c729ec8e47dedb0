import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { LiveFiles } from '../../../core/lib/live-files.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { goodReport, post, type RunningServer, startServer } from '../start-server.fake.ts'
import { openToken } from './token.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe('credentials', () => {
  let server: RunningServer
  before(async () => {
    server = await startServer({
      PULLTRACE_AGENT_TOKEN: 'agent-secret',
      PULLTRACE_READER_AUTH: 'token',
      PULLTRACE_READER_TOKEN: 'reader-secret',
    })
  })
  after(() => server.stop())

  const refused = async (response: Response) => {
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="pulltrace"')
    const text = await response.text()
    assert.equal(JSON.parse(text).error.code, 'unauthenticated')
    assert.ok(!text.includes('secret'))
  }

  it('are needed to report, and the right ones', async () => {
    const url = `${server.url}/api/v1/report`
    for (const headers of [
      {},
      bearer('wrong'),
      bearer('reader-secret'),
      { authorization: 'agent-secret' },
      bearer('agent-secret2'),
      bearer(''),
    ]) {
      await refused(await post(url, goodReport(1), headers))
    }
    assert.equal((await post(url, goodReport(1), bearer('agent-secret'))).status, 200)
    assert.equal((await post(url, goodReport(2), { authorization: 'bearer agent-secret' })).status, 200)
  })

  it('are needed to read, and the right ones', async () => {
    for (const path of ['pulls', 'pulls/x', 'nodes', 'history', 'events']) {
      await refused(await fetch(`${server.url}/api/v1/${path}`))
      await refused(await fetch(`${server.url}/api/v1/${path}`, { headers: bearer('agent-secret') }))
    }
    await refused(await fetch(`${server.url}/api/v1/tickets`, { method: 'POST' }))
    assert.equal((await fetch(`${server.url}/api/v1/nodes`, { headers: bearer('reader-secret') })).status, 200)
    const page = await (await fetch(server.url)).text()
    assert.ok(!page.includes('under way'), 'the page tells no counts')
  })

  it('are a ticket for a stream, once', async () => {
    const issued = await fetch(`${server.url}/api/v1/tickets`, { method: 'POST', headers: bearer('reader-secret') })
    assert.equal(issued.status, 201)
    const { ticket } = (await issued.json()) as { ticket: string }
    const stop = new AbortController()
    const stream = await fetch(`${server.url}/api/v1/events?ticket=${ticket}`, { signal: stop.signal })
    assert.equal(stream.status, 200)
    await refused(await fetch(`${server.url}/api/v1/events?ticket=${ticket}`))
    await refused(await fetch(`${server.url}/api/v1/events?ticket=`))
    const elsewhere = await fetch(`${server.url}/api/v1/nodes?ticket=${ticket}`)
    assert.equal(elsewhere.status, 401)
    stop.abort()
    await assert.rejects(stream.text())
  })

  it('never reach the log', () => {
    assert.ok(server.logged.length > 0)
    assert.doesNotMatch(JSON.stringify(server.logged), /-secret|ticket=\w/)
  })

  it('that are replaced end the streams that they opened, and those of their tickets', async function () {
    this.timeout(30_000)
    const folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-rotated-'))
    try {
      const file = path.join(folder, 'token')
      await writeFile(file, 'first-secret')
      await using rotated = await startServer({ PULLTRACE_READER_AUTH: 'token', PULLTRACE_READER_TOKEN_FILE: file })
      const headers = bearer('first-secret')
      const issued = await fetch(`${rotated.url}/api/v1/tickets`, { method: 'POST', headers })
      const { ticket } = (await issued.json()) as { ticket: string }
      const streams = await Promise.all([
        fetch(`${rotated.url}/api/v1/events`, { headers }),
        fetch(`${rotated.url}/api/v1/events?ticket=${ticket}`),
      ])
      assert.deepEqual(
        streams.map(({ status }) => status),
        [200, 200],
      )
      await writeFile(file, 'second-secret')
      await Promise.allSettled(streams.map(stream => stream.text()))
      await refused(await fetch(`${rotated.url}/api/v1/events`, { headers }))
      assert.equal(rotated.logged.filter(({ message }) => message.startsWith('stream cut')).length, 2)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('are not needed on loopback where none are set', async () => {
    await using open = await startServer()
    assert.equal((await post(`${open.url}/api/v1/report`, goodReport(1))).status, 200)
    assert.equal((await fetch(`${open.url}/api/v1/nodes`)).status, 200)
  })
})

describe('openToken', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-token-'))
  })
  after(() => rm(folder, { recursive: true }))

  it('rejects a file that is missing, empty or holds more than a token', async () => {
    for (const text of [undefined, '', ' \n', 'two tokens']) {
      const file = path.join(folder, 'bad')
      await rm(file, { force: true })
      if (text !== undefined) await writeFile(file, text)
      await assert.rejects(openToken(file, 1000, silentLogger), { code: 'invalid' })
    }
  })

  it('follows its file, and keeps the old token while the file is unusable', async () => {
    const file = path.join(folder, 'token')
    await writeFile(file, 'first\n')
    const warnings: string[] = []
    const log = { ...silentLogger, warn: (message: string) => warnings.push(message) }
    const files = await LiveFiles.open(
      [file],
      ([text = '']) => {
        if (text.trim() === '') throw new Error('empty')
        return text.trim()
      },
      log,
    )
    assert.equal(files.value, 'first')
    await writeFile(file, 'second\n')
    assert.equal(await files.check(), true)
    assert.equal(files.value, 'second')
    await writeFile(file, '')
    assert.equal(await files.check(), false)
    assert.equal(await files.check(), false)
    assert.equal(files.value, 'second')
    assert.deepEqual(warnings, ['changed files not usable, the old ones stay'], 'said once')
    await writeFile(file, 'third')
    assert.equal(await files.check(), true)
  })
})
