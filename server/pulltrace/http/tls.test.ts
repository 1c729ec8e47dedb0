import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { connect } from 'node:tls'
import { healthLimits } from '../../../core/lib/http-listener.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { openTls } from '../../../core/lib/tls.ts'
import { openListener } from './listener.ts'

const loopback = { host: '127.0.0.1', port: 0 }

describe('TLS from files', () => {
  let folder: string
  const file = (name: string) => path.join(folder, name)
  const makePair = (name: string) => {
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '1',
      '-subj',
      `/CN=${name}`,
    ]
    execFileSync('openssl', [...args, ...out], { stdio: 'ignore' })
  }
  const install = (cert: string, key: string) => {
    writeFileSync(file('tls.crt'), readFileSync(file(`${cert}.crt`)))
    writeFileSync(file('tls.key'), readFileSync(file(`${key}.key`)))
  }
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-tls-'))
    makePair('first')
    makePair('second')
  })
  after(() => rmSync(folder, { recursive: true }))

  const seenBy = async (port: number) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const name = socket.getPeerCertificate().subject.CN
    socket.destroy()
    return name
  }

  it('serves the newest pair that can be used, and keeps the old one otherwise', async () => {
    install('first', 'first')
    const told: string[] = []
    const changed = new EventTarget()
    const heard = (kind: string) => (message: string) => {
      told.push(message)
      changed.dispatchEvent(new Event(kind))
    }
    const log = { ...silentLogger, info: heard('info'), warn: heard('warn') }
    using tls = await openTls({ certFile: file('tls.crt'), keyFile: file('tls.key') }, 20, log)
    const listener = await openListener((_, response) => void response.end('ok'), loopback, healthLimits, tls)
    const port = Number(new URL(listener.url).port)
    assert.match(listener.url, /^https:\/\/127\.0\.0\.1:\d+$/)
    assert.equal(await seenBy(port), 'first')

    const warned = once(changed, 'warn')
    install('second', 'first')
    await warned
    assert.equal(await seenBy(port), 'first')

    const reloaded = once(changed, 'info')
    install('second', 'second')
    await reloaded
    assert.equal(await seenBy(port), 'second')
    assert.deepEqual(told, ['changed files not usable, the old ones stay', 'files reloaded'])
    await listener.close(1000)
  })

  it('answers over TLS, and refuses versions before 1.2', async () => {
    install('first', 'first')
    using tls = await openTls({ certFile: file('tls.crt'), keyFile: file('tls.key') }, 1000, silentLogger)
    const listener = await openListener((_, response) => void response.end('ok'), loopback, healthLimits, tls)
    const asked = request(listener.url, { rejectUnauthorized: false }).end()
    const [response] = await once(asked, 'response')
    assert.equal(response.statusCode, 200)
    response.resume()
    const port = Number(new URL(listener.url).port)
    const old = connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1.1',
    })
    await assert.rejects(once(old, 'secureConnect'))
    await listener.close(1000)
  })

  it('ends an answer that its client does not read', async () => {
    install('first', 'first')
    using tls = await openTls({ certFile: file('tls.crt'), keyFile: file('tls.key') }, 1000, silentLogger)
    const closed = Promise.withResolvers<boolean>()
    const listener = await openListener(
      (_, response) => {
        response.once('close', () => closed.resolve(response.writableFinished))
        response.end(Buffer.alloc(64 * 1024 * 1024))
      },
      loopback,
      { ...healthLimits, stalledAnswerMs: 200 },
      tls,
    )
    const client = connect({ host: '127.0.0.1', port: Number(new URL(listener.url).port), rejectUnauthorized: false })
    client.on('error', () => {})
    await once(client, 'secureConnect')
    client.pause().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    assert.equal(await closed.promise, false)
    client.destroy()
    await listener.close(0)
  })

  it('does not start with files that cannot be used', async () => {
    install('second', 'first')
    const files = { certFile: file('tls.crt'), keyFile: file('tls.key') }
    await assert.rejects(openTls(files, 1000, silentLogger), {
      code: 'invalid',
      message: /tls\.crt' and '.*tls\.key' cannot be used/,
    })
    await assert.rejects(openTls({ ...files, keyFile: file('none') }, 1000, silentLogger), { code: 'invalid' })
  })
})
