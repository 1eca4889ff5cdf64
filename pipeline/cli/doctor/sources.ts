// Decides on what a run fetches: images, packages, and what stands in between: proxies, certificates and credentials.
import { withoutLogins } from '../../src/oci/errors.ts';
import { type Credential, type Facts, type Fault, isFault, type Place, type Probe } from './facts.ts';
import { type Finding, NOT_YET } from './finding.ts';

const FILL_CACHE = 'run once with a network, or bring images with --images DIR';

export function lookAtImages(facts: Facts): Finding {
  const { images, isOffline } = facts;
  const kept = probeOf(facts)?.images ?? 0;
  if (isOffline && isEmbeddedFirst(facts) && probeOf(facts) === undefined) return NOT_YET;
  if (isOffline)
    return kept > 0
      ? { status: 'ok', found: `${counted(kept, 'image')} in the cache (--offline)` }
      : { status: 'blocked', found: 'none in the cache, and --offline asks no registry', fix: FILL_CACHE };
  const missing = images.flatMap(({ name, fault }) => (fault === null ? [] : [{ name, fault }]));
  const [first] = missing;
  if (first === undefined)
    return { status: 'ok', found: `registries have ${images.map(({ name }) => name).join(', ')}` };
  const found = missing.map(({ name, fault }) => `${name}: ${fault.message}`).join('; ');
  const fix = first.fault.hint ?? 'use --mirror docker.io=host/prefix, or --images DIR';
  if (kept > 0) return { status: 'warning', found: `${found}; the cache has ${counted(kept, 'image')}`, fix };
  if (isEmbeddedFirst(facts) && probeOf(facts) === undefined)
    return { status: 'warning', found: `${found}; substitutes are made by the embedded engine, once that starts`, fix };
  const { debian, npm } = answering(facts);
  if (isEmbeddedFirst(facts) && debian && npm)
    return { status: 'warning', found: `${found}; substitutes can be assembled, and are never published`, fix };
  const { trial } = facts;
  if (trial !== null && !isFault(trial) && trial.tried.includes('image'))
    return { status: 'warning', found: `${found}; the engine has the image that was tried`, fix };
  return { status: 'blocked', found, fix };
}

export function lookAtPackages(facts: Facts): Finding {
  if (facts.isOffline) return { status: 'unasked', found: 'none is asked (--offline)' };
  if (facts.packages.length === 0)
    return { status: 'unasked', found: 'steps ask from inside the engine, which has its own network' };
  const silent = facts.packages.filter(({ answers }) => !answers);
  if (silent.length === 0) return { status: 'ok', found: `${facts.packages.map(hostOf).join(', ')} answer` };
  return {
    status: 'warning',
    found: `${silent.map(({ url }) => withoutLogins(url)).join(', ')}: no answer`,
    fix: 'check network and proxy, or name others: npm_config_registry, DRYDOCK_DEBIAN_MIRROR',
  };
}

const isEmbeddedFirst = ({ engines }: Facts) => !isFault(engines) && engines[0]?.kind === 'embedded';

function probeOf({ probe }: Facts): Probe | undefined {
  return probe === null || isFault(probe) ? undefined : probe;
}

function answering(facts: Facts): { debian: boolean; npm: boolean } {
  const places = probeOf(facts)?.packages;
  const answers = (urls: readonly string[] = []) =>
    facts.packages.some((place: Place) => place.answers && urls.includes(place.url));
  return { debian: answers(places?.debian), npm: answers(places?.npm) };
}

// ------------------------------------------------------------------------------------- proxies and certificates

export function lookAtProxy({ proxies, nodeUsesProxy }: Facts): Finding {
  const addresses = proxies.filter(({ name }) => !/^no_proxy$/i.test(name));
  if (addresses.length === 0) return { status: 'ok', found: 'none is set' };
  const broken = addresses.find(({ value }) => !/^https?:\/\//i.test(value) || !URL.canParse(value));
  // Its value is not shown: it may hold a password.
  if (broken !== undefined)
    return {
      status: 'warning',
      found: `${broken.name} is not the address of an http proxy`,
      fix: `export ${broken.name}=http://host:port`,
    };
  const local = addresses.find(({ value }) => /^(localhost|127\..*|\[::1\])$/i.test(new URL(value).hostname));
  if (local !== undefined)
    return {
      status: 'warning',
      found: `${local.name} is on this machine’s loopback, which no step can reach`,
      fix: `let the proxy listen on another address, and set ${local.name} to that`,
    };
  const found = [...new Set(addresses.map(({ value }) => new URL(value).host))].join(', ');
  if (nodeUsesProxy) return { status: 'ok', found };
  return {
    status: 'warning',
    found: `${found} is used in steps, but not by Node, which pulls images`,
    fix: 'export NODE_USE_ENV_PROXY=1 (with Node 22.21 or newer)',
  };
}

export function lookAtCertificates({ certificates }: Facts): Finding {
  const missing = certificates.find(({ count }) => count === null || count === 0);
  if (missing !== undefined)
    return {
      status: 'warning',
      found: `${missing.name}=${missing.path} ${missing.count === null ? 'cannot be read' : 'holds no certificate'}`,
      fix: `export ${missing.name}=/path/to/bundle.pem, or unset ${missing.name}`,
    };
  const [first] = certificates;
  if (first === undefined) return { status: 'ok', found: 'only those that programs bring' };
  return { status: 'ok', found: `${first.count} in ${first.path}` };
}

// ------------------------------------------------------------------------------------------------- credentials

export function lookAtCredentials({ credentials: { file, registries }, npmVariables, secrets }: Facts): Finding {
  const [variable] = npmVariables;
  if (variable !== undefined)
    return { status: 'warning', found: `.npmrc wants ${variable}, which is not set`, fix: `export ${variable}=…` };
  const flawed = secrets.find(({ flaw }) => flaw !== null);
  if (flawed !== undefined)
    return {
      status: 'warning',
      found: `${flawed.name} ${flawed.flaw}`,
      fix: `export ${flawed.name}=…, or unset ${flawed.name}`,
    };
  if (isFault(registries)) return broken(file, registries);
  const bad = registries.find(({ kind }) => kind === 'broken');
  if (bad !== undefined)
    return {
      status: 'warning',
      found: `the entry for ${bad.registry} in ${file} is not user:password in base64`,
      fix: `docker login ${bad.registry}`,
    };
  const helped = registries.filter(({ kind }) => kind === 'helper');
  if (helped.length > 0)
    return {
      status: 'warning',
      found: `${helped.map(({ registry }) => registry).join(', ')}: kept by a helper program, which only a Dagger engine asks`,
      fix: `remove credsStore and credHelpers from ${file}, and log in again`,
    };
  const known = registries.filter(({ kind }) => kind !== 'none');
  const logins = known.length === 0 ? ['no login: registries are asked anonymously'] : known.map(shape);
  return { status: 'ok', found: [...logins, ...secrets.map(({ name }) => `${name} is set`)].join(', ') };
}

const shape = ({ registry, kind }: Credential) =>
  `${registry}: ${kind === 'identity' ? 'an identity token' : 'user and password'}`;

const broken = (file: string, { message, hint }: Fault): Finding => ({
  status: 'warning',
  found: `${file}: ${message}`,
  ...(hint === undefined ? {} : { fix: hint }),
});

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

const hostOf = ({ url }: Place) => new URL(url).host;
