# METADATA
# title: Services of a compose file
# description: What the checks of compose files have in common. Nothing here fires.
# custom:
#   library: true
package lib.drydock.compose

import future.keywords.if
import future.keywords.in

# By name, with what their merge keys bring. Services of other files than compose's have neither an image nor a build.
services[name] := whole if {
	some name, service in input.services
	is_object(service)
	whole := object.union_n(array.concat(merged(service), [service]))
	runs(whole)
}

runs(service) if is_string(service.image)

runs(service) if service.build

merged(service) := service["<<"] if is_array(service["<<"])

merged(service) := [service["<<"]] if is_object(service["<<"])

merged(service) := [] if not service["<<"]
