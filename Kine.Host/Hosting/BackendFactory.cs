using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>Makes the backend that the options ask for, without opening it yet.</summary>
/// <exception cref="BackendException">The endpoint or an option for it is wrong.</exception>
internal delegate IServerBackend BackendFactory(ServerOptions options, ILoggerFactory logging, TimeProvider time);
