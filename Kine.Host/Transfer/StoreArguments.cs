using System.CommandLine;
using Kine.Backends.Endpoints;
using Kine.Host.Cli;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Host.Transfer;

/// <summary>The server's flags for its connection to the database, with their variables, on commands that open a store themselves.</summary>
internal sealed class StoreArguments(Func<string, string?> variables)
{
    private static readonly string[] Names = ["ca-file", "cert-file", "key-file", "skip-verify", "identity-provider"];
    private readonly ServerFlag[] _flags = [.. ServerFlags.All.Where(flag => Names.Contains(flag.Name))];

    public IEnumerable<Option> All => _flags.Select(flag => flag.Option);

    /// <summary>The settings given.</summary>
    /// <exception cref="CommandLineException">A value is wrong.</exception>
    public StoreSettings Read(ParseResult parsed)
    {
        var options = _flags.Aggregate(new ServerOptions(), (read, flag) => flag.Set(read, parsed, variables));
        return new StoreSettings
        {
            CaFile = options.CaFile,
            CertFile = options.CertFile,
            KeyFile = options.KeyFile,
            SkipVerify = options.SkipVerify,
            IdentityProvider = options.IdentityProvider,
            Logging = NullLoggerFactory.Instance,
        };
    }
}
