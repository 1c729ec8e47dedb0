import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { credentials, type ServiceError, status as Status } from '@grpc/grpc-js'
import { silentLogger } from '../../../core/lib/log.ts'
import { openTls } from '../../../core/lib/tls.ts'
import {
  type HealthCheckResponse,
  HealthClient,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../proto/generated/grpc/health/v1/health.ts'
import {
  ServerReflectionClient,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../../../proto/generated/grpc/reflection/v1/reflection.ts'
import { ServerReflectionClient as AlphaClient } from '../../../proto/generated/grpc/reflection/v1alpha/reflection.ts'
import { SensorAPIClient } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { eventuallyHolds } from '../../../test/eventually.ts'
import { startSensorApi, sync } from '../start-sensor-api.fake.ts'
import { databaseBusy } from '../tk-store.fake.ts'

const service = 'trapperkeeper.sensor.v1.SensorAPI'

describe('grpc.health.v1', () => {
  const check = (client: InstanceType<typeof HealthClient>, name: string) =>
    new Promise<string>(resolve =>
      client.check({ service: name }, (error: ServiceError | null, response) =>
        resolve(error ? Status[error.code]! : Object.keys(ServingStatus)[response.status]!),
      ),
    )

  it('says whether sensors are served, without a key', async () => {
    await using server = await startSensorApi()
    const client = new HealthClient(server.address, credentials.createInsecure())
    assert.deepEqual(
      [await check(client, ''), await check(client, service), await check(client, 'other')],
      ['SERVING', 'SERVING', 'NOT_FOUND'],
    )
    server.store.fault = databaseBusy()
    assert.equal(await check(client, ''), 'NOT_SERVING')
    server.store.fault = undefined
    server.api.state.notReady = 'draining'
    assert.equal(await check(client, service), 'NOT_SERVING')
    client.close()
  })

  it('tells who watches of each change, until it stops', async () => {
    await using server = await startSensorApi()
    const client = new HealthClient(server.address, credentials.createInsecure())
    const told: number[] = []
    const stream = client.watch({ service: '' })
    stream.on('data', ({ status }: HealthCheckResponse) => told.push(status))
    stream.on('error', () => {})
    await eventuallyHolds(() => assert.deepEqual(told, [ServingStatus.SERVING]))
    server.api.refreshHealth()
    server.api.state.notReady = 'draining'
    server.api.refreshHealth()
    await eventuallyHolds(() => assert.deepEqual(told, [ServingStatus.SERVING, ServingStatus.NOT_SERVING]))
    // A watcher would never end by itself.
    await server.api.close(10_000)
    client.close()
  })
})

describe('server reflection', () => {
  for (const [version, Client] of [
    ['v1', ServerReflectionClient],
    ['v1alpha', AlphaClient],
  ] as const) {
    it(`${version} lists the services, and describes each so that it can be called`, async () => {
      await using server = await startSensorApi()
      const client = new Client(server.address, credentials.createInsecure())
      const ask = (request: Partial<ServerReflectionRequest>) =>
        new Promise<ServerReflectionResponse>((resolve, reject) => {
          const stream = client.serverReflectionInfo()
          stream.on('data', resolve)
          stream.on('error', reject)
          stream.write({ host: '', ...request })
          stream.end()
        })
      const { listServicesResponse } = await ask({ listServices: '' })
      const names = listServicesResponse!.service.map(({ name }) => name)
      assert.deepEqual(names.sort(), [
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        service,
      ])
      for (const symbol of [...names, `${service}.SyncRules`, 'trapperkeeper.sensor.v1.Rule.name']) {
        const { fileDescriptorResponse } = await ask({ fileContainingSymbol: symbol })
        const files = fileDescriptorResponse!.fileDescriptorProto.map(each =>
          fromBinary(FileDescriptorProtoSchema, each),
        )
        // Fails when something that a file imports is not there; it wants it first.
        const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files.reverse() }))
        assert.ok(registry.get(symbol) ?? registry.get(symbol.slice(0, symbol.lastIndexOf('.'))), symbol)
      }
      const byName = await ask({ fileByFilename: 'google/protobuf/struct.proto' })
      assert.equal(byName.fileDescriptorResponse?.fileDescriptorProto.length, 1)
      for (const request of [
        { fileContainingSymbol: 'no.Such' },
        { fileByFilename: 'x' },
        { fileContainingSymbol: '' },
      ]) {
        assert.equal((await ask(request)).errorResponse?.errorCode, Status.NOT_FOUND)
      }
      client.close()
    })
  }
})

describe('TLS', () => {
  it('serves sensors with the certificate of its files, and with a new one once they change', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-tk-tls-'))
    const file = (name: string) => path.join(folder, name)
    for (const name of ['first', 'second']) {
      const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
      const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]
      const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
      execFileSync('openssl', [...args, ...subject, ...out], { stdio: 'ignore' })
    }
    const install = (name: string) => {
      writeFileSync(file('tls.crt'), readFileSync(file(`${name}.crt`)))
      writeFileSync(file('tls.key'), readFileSync(file(`${name}.key`)))
    }
    install('first')
    using tls = await openTls({ certFile: file('tls.crt'), keyFile: file('tls.key') }, 20, silentLogger)
    try {
      await using server = await startSensorApi({ tls })
      const trusts = (name: string) =>
        new SensorAPIClient(server.address, credentials.createSsl(readFileSync(file(`${name}.crt`))))
      const codeFor = async (client: SensorAPIClient) => (await sync(client, {}, { 'x-api-key': server.key })).code
      const first = trusts('first')
      assert.equal(await codeFor(first), Status.OK)
      assert.equal((await server.sync()).code, Status.UNAVAILABLE, 'plain text is not understood')
      install('second')
      await eventuallyHolds(async () => {
        const second = trusts('second')
        const code = await codeFor(second)
        second.close()
        assert.equal(code, Status.OK)
      })
      assert.equal(await codeFor(first), Status.OK, 'an open connection goes on')
      first.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
