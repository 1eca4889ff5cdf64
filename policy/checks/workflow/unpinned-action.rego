# METADATA
# title: A workflow uses an action that is not pinned by its commit
# description: A tag or a branch can be moved to other code, which then runs with the token of the job.
# custom:
#   id: DRYDOCK-W002
#   severity: HIGH
#   short_code: unpinned-action
#   recommended_actions: write the 40 digits of the commit behind the @, and the tag in a comment
package user.drydock.drydock_w002

import data.lib.drydock.workflow
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, job in workflow.jobs
	some user in users(job)
	is_string(user.uses)
	not is_pinned(user.uses)
	res := result.new(sprintf("job %q uses %s", [name, user.uses]), user)
}

users(job) := array.concat([job], steps(job))

steps(job) := job.steps if is_array(job.steps)

steps(job) := [] if not is_array(job.steps)

is_pinned(uses) if startswith(uses, "./")

is_pinned(uses) if regex.match(`^docker://.+@sha256:[0-9a-f]{64}$`, uses)

is_pinned(uses) if regex.match(`^[^@]+@[0-9a-f]{40}$`, uses)
