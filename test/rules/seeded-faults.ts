/** One mistake that somebody could make in core/rules: the text to find in a file, and what to put in its place. */
export interface SeededFault {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** Each changes what a rule means, and each must be seen by the vectors or by the naive evaluator. */
export const seededFaults: readonly SeededFault[] = [
  // Order and what ends a check.
  {
    name: 'an observed match ends the check',
    file: 'evaluate.ts',
    find: "if (action !== 'observe') return action",
    replace: 'return action',
  },
  {
    name: 'an error has the action of its rule',
    file: 'evaluate.ts',
    find: "matchOf(rule.rule, 'fail', condition",
    replace: 'matchOf(rule.rule, rule.rule.action, condition',
  },
  {
    name: 'the cheapest condition is reported, not the first',
    file: 'evaluate.ts',
    find: '.find(({ conditionIndex }) => conditionIndex === 0)!',
    replace: '[0]!',
  },
  {
    name: 'a rate of 1 draws a number',
    file: 'program.ts',
    find: 'if (sample_rate === 1) return groups',
    replace: '',
  },
  {
    name: 'a number at the rate is in the sample',
    file: 'run.ts',
    find: 'random() < step.number',
    replace: 'random() <= step.number',
  },
  {
    name: 'conditions are tried in the order in which they were written',
    file: 'compile.ts',
    find: 'orderOf(group).map((conditionIndex)',
    replace: 'group.all.map((_, conditionIndex)',
  },
  {
    name: 'ties between rules go to the larger id',
    file: 'sent.ts',
    find: 'a.rule_id < b.rule_id ?',
    replace: 'a.rule_id > b.rule_id ?',
  },
  {
    name: 'a dry run keeps its fail policies',
    file: 'sent.ts',
    find: 'rule.dry_run ? rule.any.map(harmless) : rule.any',
    replace: 'rule.any',
  },
  {
    name: 'a wildcard costs ten times, not eight',
    file: 'cost.ts',
    find: 'const elements = 8',
    replace: 'const elements = 10',
  },
  // Policies and wildcards.
  {
    name: 'policies are asked although an element differs',
    file: 'condition-test.ts',
    find: 'if ((found & differs) !== 0) return no',
    replace: '',
  },
  {
    name: 'missing elements count before those that do not convert',
    file: 'condition-test.ts',
    find: '(found & unconvertible) !== 0 ? onUnconvertible : onMissing',
    replace: '(found & 4) !== 0 ? onMissing : onUnconvertible',
  },
  {
    name: 'is_null is false on an empty list',
    file: 'condition-test.ts',
    find: '(found === 0 ? byValue : no)',
    replace: 'no',
  },
  {
    name: 'a wildcard on what is no list has no element',
    file: 'fields.ts',
    find: 'if (elements === undefined) return judge(undefined)',
    replace: 'if (elements === undefined) return 0',
  },
  {
    name: 'the path of a match keeps its wildcards',
    file: 'fields.ts',
    find: '[...way, index])',
    replace: "[...way, '*'])",
  },
  // What a path reaches.
  {
    name: 'a field keeps its value from one record to the next',
    file: 'fields.ts',
    find: 'all[index]!.value = undefined',
    replace: 'all[index]!.isPlain = false',
  },
  {
    name: 'inherited names are fields',
    file: 'values.ts',
    find: '!isOwn.call(value, key)',
    replace: 'false',
  },
  {
    name: 'an index reads the key of an object',
    file: 'fields.ts',
    find: 'return elementsOf(value)?.[segment]',
    replace: 'return (value as readonly unknown[] | null)?.[segment]',
  },
  // Values.
  {
    name: 'NaN is a number',
    file: 'judge.ts',
    find: "if (type === 'number') return Number.isNaN(value)",
    replace: "if (type === 'number') return false",
  },
  {
    name: 'integers are compared as doubles',
    file: 'judge.ts',
    find: 'left >= right && left <= right',
    replace: 'Number(left) === Number(right)',
  },
  {
    name: 'digits become doubles',
    file: 'numbers.ts',
    find: 'if (digits <= 15) return',
    replace: 'if (digits <= 16) return',
  },
  {
    name: 'a text beyond the doubles is infinite',
    file: 'numbers.ts',
    find: 'Number.isFinite(double) ? double : undefined\n}\n\nconst isDigit',
    replace: 'double\n}\n\nconst isDigit',
  },
  {
    name: 'a no-break space is a blank',
    file: 'numbers.ts',
    find: 'unit === 32 ||',
    replace: 'unit === 32 || unit === 160 ||',
  },
  {
    name: 'one missing side of a field_ref is enough only on the left',
    file: 'judge.ts',
    find: 'isNullish(value) || isNullish(other) ? missing',
    replace: 'isNullish(value) ? missing',
  },
  {
    name: 'a number in no list of numbers is false, not unconvertible',
    file: 'judge.ts',
    find: 'const number = numbers.size === 0 ? undefined : numberOf(value)',
    replace: 'const number = numberOf(value)',
  },
  {
    name: 'text is compared in normal form',
    file: 'judge-text.ts',
    find: "if (typeof value === 'string') return value === literal ?",
    replace: "if (typeof value === 'string') return value.normalize() === literal.normalize() ?",
  },
  {
    name: 'a suffix may stand anywhere',
    file: 'judge-text.ts',
    find: 'text.endsWith(literal)',
    replace: 'text.includes(literal)',
  },
  {
    name: 'half a surrogate pair is found in a whole one',
    file: 'judge-text.ts',
    find: '!split || isWhole(',
    replace: 'true || isWhole(',
  },
  // Values decided in place, without the closure.
  {
    name: 'gt takes equal numbers',
    file: 'run.ts',
    find: 'return value > number',
    replace: 'return value >= number',
  },
  {
    name: 'NaN differs from every number',
    file: 'run.ts',
    find: ' && !Number.isNaN(value)',
    replace: '',
  },
  {
    name: 'a prefix is its first letter',
    file: 'run.ts',
    find: ' && value.startsWith(text)',
    replace: '',
  },
  {
    name: 'a missing field is false, whatever its policy',
    file: 'run.ts',
    find: 'return step.onMissing',
    replace: 'return no',
  },
  {
    name: 'names that every object inherits are fields of a plain one',
    file: 'fields.ts',
    find: ' && !(key in Object.prototype)',
    replace: '',
  },
  // What code says no to.
  {
    name: 'code says no to a missing field, whatever its policy',
    file: 'code-source.ts',
    find: " && condition.on_missing_field === 'skip'",
    replace: '',
  },
  {
    name: 'code says no to what would have to be converted',
    file: 'code-source.ts',
    find: ' == null) break group; return true }`\n}\n\n/** NaN',
    replace: ' == null) break group; break group }`\n}\n\n/** NaN',
  },
  {
    name: 'code takes a wildcard for a key',
    file: 'code-source.ts',
    find: "segment !== '*' && ",
    replace: '',
  },
  {
    name: 'code is made of rules that are sampled',
    file: 'code-source.ts',
    find: 'rule.sample_rate === 1 && ',
    replace: '',
  },
  {
    name: 'code takes for read what only some records come to',
    file: 'code-source.ts',
    find: 'readInGroup.add(variable)',
    replace: 'this.#read.add(variable)',
  },
  {
    name: 'code looks for the last letter of a suffix at its beginning',
    file: 'code-source.ts',
    find: 'units.at(-1)',
    replace: 'units[0]',
  },
  {
    name: 'code says no to equal numbers',
    file: 'code-source.ts',
    find: 'gte: (f, literal) =>',
    replace: 'gte: (f, literal) => comparisons.gt!(f, literal) ||',
  },
  {
    name: 'rules without code are not tried',
    file: 'compile.ts',
    find: '!screen.rules.has(rule)',
    replace: 'screen.rules.has(rule)',
  },
  // What is refused, and for whom a rule is.
  {
    name: 'a second path may have a wildcard',
    file: 'parse-condition.ts',
    find: 'field_ref, 0)',
    replace: 'field_ref, 1)',
  },
  {
    name: 'whole numbers beyond 2^53 are taken',
    file: 'parse-literal.ts',
    find: 'isInexactInteger(value) && !orders.includes(op)',
    replace: 'false',
  },
  {
    name: 'an empty text may be searched for',
    file: 'parse-literal.ts',
    find: "literal === '' ||",
    replace: '',
  },
  {
    name: 'excluded tags are ignored',
    file: 'scope.ts',
    find: 'for (const tag of scope.exclude_tags) if (sensorTags.has(tag)) return false',
    replace: '',
  },
]
