import { Type } from 'typebox'
import { configField, quantityField } from './config-field.ts'

/** What a PulltraceConfig says about where its pods run and what they may use, in Kubernetes' own words. */

const quantities = {
  cpu: () => quantityField('1m', '1000', '100m', 'CPU cores.'),
  memory: () => quantityField('16Mi', '16Ti', '128Mi', 'Memory in bytes.'),
  'ephemeral-storage': () => quantityField('1Mi', '16Ti', '64Mi', 'Local disk in bytes.'),
}
export const resourceNames = Object.keys(quantities) as (keyof typeof quantities)[]

const quantitiesOf = (description: string) =>
  Type.Object(
    {
      cpu: Type.Optional(quantities.cpu()),
      memory: Type.Optional(quantities.memory()),
      'ephemeral-storage': Type.Optional(quantities['ephemeral-storage']()),
    },
    { description },
  )

/** In CEL the `-` of a field's name is written `__dash__`. */
const inCel = (name: string) => name.replaceAll('-', '__dash__')

export const resourcesField = (who: string) =>
  Type.Object(
    {
      requests: Type.Optional(quantitiesOf('What is set aside.')),
      limits: Type.Optional(quantitiesOf('What may be used at most.')),
    },
    {
      description: `Compute resources of ${who}.`,
      'x-kubernetes-validations': resourceNames.map(name => {
        const [request, limit] = [`self.requests.${inCel(name)}`, `self.limits.${inCel(name)}`]
        return {
          rule: `!has(self.requests) || !has(self.limits) || !has(${request}) || !has(${limit}) || quantity(${request}).compareTo(quantity(${limit})) <= 0`,
          message: `requests.${name} must be less than or equal to limits.${name}`,
        }
      }),
    },
  )

const labelValue = '([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?'
const dnsLabel = '[a-z0-9]([a-z0-9-]*[a-z0-9])?'
const labelKey = `(${dnsLabel}(\\.${dnsLabel})*/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?`
const maxKeyLength = 317
const wholeKey = new RegExp(`^${labelKey}$`)
/** As Kubernetes has it: a name of at most 63 characters, in an optional DNS domain. */
export const isLabelKey = (key: string): boolean => key.length <= maxKeyLength && wholeKey.test(key)

const labelValueField = (description: string) =>
  configField(Type.String({ pattern: `^${labelValue}$`, maxLength: 63 }), {
    description,
    bound: 'a label value: letters, digits, `-`, `_` and `.`, at most 63 characters',
  })

export const nodeSelectorField = () =>
  // A map of texts, in the one form that a CRD can have. What its keys may be is said in CEL, and by relationFaults.
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    additionalProperties: labelValueField('Value of the label.'),
    maxProperties: 64,
    description: 'Labels of the nodes that get an agent. Omitted: all Linux nodes.',
    'x-kubernetes-validations': [
      {
        rule: `self.all(key, size(key) <= ${maxKeyLength} && key.matches(r'^${labelKey}$'))`,
        message: "every key must be a label key such as 'kubernetes.io/os'",
      },
    ],
  })

/** As the API server judges the tolerations of a pod: what it would refuse there is refused here, where it was written. */
export const tolerationField = () =>
  Type.Object(
    {
      key: Type.Optional(
        configField(Type.String({ pattern: `^(${labelKey})?$`, maxLength: maxKeyLength }), {
          description: 'Taint key; empty with operator Exists matches all.',
          bound: "a taint key such as 'node-role.kubernetes.io/control-plane'",
        }),
      ),
      operator: Type.Optional(
        Type.Enum(['Exists', 'Equal'], {
          description: 'Whether the taint must be there, or have the value, too. Omitted: Equal.',
        }),
      ),
      value: Type.Optional(labelValueField('Taint value, with operator Equal.')),
      effect: Type.Optional(
        Type.Enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], {
          description: 'Effect of the taint. Omitted: every effect.',
        }),
      ),
      tolerationSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 2_147_483_647,
          description: 'How long NoExecute is tolerated. Omitted: for ever. Unit: seconds.',
        }),
      ),
    },
    {
      description: 'A taint that agents tolerate.',
      'x-kubernetes-validations': [
        {
          rule: "(has(self.key) && self.key != '') || (has(self.operator) && self.operator == 'Exists')",
          message: 'operator must be Exists when key is empty',
          fieldPath: '.operator',
        },
        {
          rule: "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || self.value == ''",
          message: 'value must be empty when operator is Exists',
          fieldPath: '.value',
        },
        {
          rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
          message: 'effect must be NoExecute when tolerationSeconds is set',
          fieldPath: '.effect',
        },
      ],
    },
  )
