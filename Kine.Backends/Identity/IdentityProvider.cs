using Kine.Backends.Endpoints;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Identity;

/// <summary>
/// Who gives the database passwords that expire, as <c>--identity-provider</c> names it: <c>aws</c> (IAM database authentication of Amazon RDS and Aurora) or
/// <c>azure</c> (Microsoft Entra ID, for Azure Database for PostgreSQL and MySQL). The cloud's SDK is loaded when the first password is asked for.
/// </summary>
public abstract class IdentityProvider
{
    /// <summary>The provider that the settings name; null = none. Throws <see cref="StoreRefusedException"/> for an unknown one.</summary>
    public static IdentityProvider? From(StoreSettings settings, TimeProvider? time = null)
    {
        var logger = settings.Logging.CreateLogger("Kine.Backends.Identity");
        time ??= TimeProvider.System;
        return settings.IdentityProvider switch
        {
            "" => null,
            "aws" => new AwsIdentity(time, logger),
            "azure" => new AzureIdentity(settings.IdentityScope, time, logger),
            _ => throw new StoreRefusedException($"identity provider \"{settings.IdentityProvider}\" is unknown; there are aws and azure"),
        };
    }

    /// <summary>
    /// Gives the password for each new connection of a user to a server; throws <see cref="StoreUnavailableException"/>. Passwords stay valid until the
    /// log-in is over, not longer: never keep one.
    /// </summary>
    /// <param name="host">Host name as the client connects to it.</param>
    /// <param name="port">TCP port.</param>
    /// <param name="user">Database user.</param>
    public abstract Func<CancellationToken, ValueTask<string>> PasswordFor(string host, int port, string user);
}
