using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Identity;

/// <summary>IAM database authentication of Amazon RDS. All servers' tokens are signed with the credentials of one chain.</summary>
internal sealed class AwsIdentity(TimeProvider time, ILogger logger) : IdentityProvider
{
    private readonly Lazy<RdsTokens> _tokens = new(() => new RdsTokens(time), LazyThreadSafetyMode.PublicationOnly);

    public override Func<CancellationToken, ValueTask<string>> PasswordFor(string host, int port, string user) =>
        new TokenCache("AWS", cancellation => Sign(host, port, user, cancellation), time, logger).Get;

    // Not inlined: whoever compiles this method loads the SDK.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Task<IdentityToken> Sign(string host, int port, string user, CancellationToken cancellationToken) =>
        _tokens.Value.Create(host, port, user, cancellationToken);
}
