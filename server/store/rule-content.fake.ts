import type { RuleContent } from '../../core/rules/rule.ts'

/** A rule as an author wrote it; only what a test is about need be said. */
export function ruleContent(changes: Partial<RuleContent> = {}): RuleContent {
  return {
    schema_version: 1,
    name: 'Images without a digest',
    description: '',
    state: 'active',
    dry_run: false,
    action: 'observe',
    sample_rate: 1,
    scope: { tags: ['production'], exclude_tags: [] },
    any: [
      {
        all: [
          {
            field: ['pinned'],
            op: 'eq',
            field_type: 'boolean',
            value: false,
            on_missing_field: 'skip',
            on_coercion_fail: 'skip',
          },
        ],
      },
    ],
    ...changes,
  }
}
