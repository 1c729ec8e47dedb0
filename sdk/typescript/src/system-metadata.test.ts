import assert from 'node:assert/strict'
import os from 'node:os'
import { version } from '../../../core/lib/version.ts'
import { systemMetadataOf } from './system-metadata.ts'

describe('systemMetadataOf', () => {
  it('says which process this is, and leaves out what is not known', () => {
    const { ip: _, ...facts } = systemMetadataOf({})
    assert.deepEqual(facts, {
      hostname: os.hostname(),
      process_id: String(process.pid),
      thread_id: '0',
      os_type: os.type(),
      os_version: os.release(),
      api_type: 'typescript',
      api_version: version,
    })
  })

  it('names the pod: by the downward API, else by the host name, which Kubernetes makes the same', () => {
    const told = systemMetadataOf({ POD_NAME: 'job-1', POD_NAMESPACE: 'data', KUBERNETES_SERVICE_HOST: '10.0.0.1' })
    assert.deepEqual([told['k8s_pod_name'], told['k8s_pod_namespace']], ['job-1', 'data'])
    assert.equal(systemMetadataOf({ KUBERNETES_SERVICE_HOST: '10.0.0.1' })['k8s_pod_name'], os.hostname())
  })
})
