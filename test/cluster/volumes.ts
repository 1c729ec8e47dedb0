/** On the node's own disk (in the machine), so that it ends with it. */
export const volumeFolder = (index: number): string => `/var/lib/volumes/${index}`

/** The default StorageClass, which makes nothing, and volumes of a node that claims can bind to. */
export const volumes = (node: string, count: number) => ({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'kubernetes.io/no-provisioner',
      // A claim is bound when its pod is placed, and the pod goes where the volume is.
      volumeBindingMode: 'WaitForFirstConsumer',
    },
    ...Array.from({ length: count }, (_, index) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: `local-${index}` },
      spec: {
        capacity: { storage: '20Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local',
        persistentVolumeReclaimPolicy: 'Retain',
        // Not hostPath: that one ignores a pod's fsGroup, and only root could write.
        local: { path: volumeFolder(index) },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
            ],
          },
        },
      },
    })),
  ],
})
