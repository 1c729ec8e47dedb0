import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { connect } from 'node:net'
import { credentials, status as Status } from '@grpc/grpc-js'
import { SensorAPIClient } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { sync } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { temporaryFolder } from '../durability/programs.ts'
import { eventuallyHolds } from '../eventually.ts'
import { startSensorApi } from '../rig/pulltrace.ts'

describe('tk-sensor-api with TLS', () => {
  it('serves both ports with its certificate, takes a renewed one, and ends with a handshake that hangs', async function () {
    this.timeout(60_000)
    using folder = temporaryFolder()
    const file = (name: string) => `${folder.path}/${name}`
    for (const name of ['first', 'second']) {
      const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${name}.key`)]
      execFileSync('openssl', ['req', '-x509', '-days', '1', ...key, ...subject, '-out', file(`${name}.crt`)], {
        stdio: 'ignore',
      })
    }
    const install = (name: string) => {
      copyFileSync(file(`${name}.crt`), file('tls.crt'))
      copyFileSync(file(`${name}.key`), file('tls.key'))
    }
    install('first')
    const env = {
      TK_TLS_CERT_FILE: file('tls.crt'),
      TK_TLS_KEY_FILE: file('tls.key'),
      TK_SHUTDOWN_GRACE: '500ms',
    }
    const server = await startSensorApi({ env })
    const metricsUrl = server.metricsUrl.replace('http:', 'https:')
    try {
      const [host, port] = server.address.split(':') as [string, string]
      const codeBy = async (name: string) => {
        const trust = credentials.createSsl(readFileSync(file(`${name}.crt`)))
        const client = new SensorAPIClient(`localhost:${port}`, trust, { 'grpc.use_local_subchannel_pool': 1 })
        const { code } = await sync(client, {}, { 'x-api-key': server.key })
        client.close()
        return code
      }
      assert.equal(await codeBy('first'), Status.OK)
      assert.equal(await codeBy('second'), Status.UNAVAILABLE)
      assert.equal(await readyBy(metricsUrl, readFileSync(file('first.crt'))), 200)
      install('second')
      await eventuallyHolds(async () => assert.equal(await codeBy('second'), Status.OK))
      assert.equal(await readyBy(metricsUrl, readFileSync(file('second.crt'))), 200)
      // Never says hello.
      const silent = connect({ host, port: Number(port) })
      silent.on('error', () => {})
      assert.equal(await server.terminate(), 0)
      silent.destroy()
    } finally {
      await server.stop()
    }
  })
})

function readyBy(metricsUrl: string, ca: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ ca, keepAlive: false })
    get(`${metricsUrl}/readyz`, { agent, servername: 'localhost' }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    }).on('error', reject)
  })
}
