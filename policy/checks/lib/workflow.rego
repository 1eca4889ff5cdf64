# METADATA
# title: Jobs of a GitHub workflow
# description: What the checks of workflows have in common. Nothing here fires.
# custom:
#   library: true
package lib.drydock.workflow

import future.keywords.if
import future.keywords.in

jobs[name] := job if {
	input.on
	some name, job in input.jobs
	is_object(job)
	not startswith(name, "__")
}

# `on` is a name, a list of names, or a mapping of them.
triggers := {input.on} if is_string(input.on)

triggers := {name | some name in input.on} if is_array(input.on)

triggers := {name | some name, _ in input.on} if is_object(input.on)
