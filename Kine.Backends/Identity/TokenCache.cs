using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.Identity;

/// <summary>
/// The token in use. One that is due for renewal is renewed by the next who asks, all others wait for the same answer; while the service is away or
/// slow, the old one is given out as long as a log-in with it can still succeed. An expired one never is.
/// </summary>
/// <param name="service">Name of the identity service, for messages.</param>
/// <param name="fetch">Gets a new token; runs on a thread of the pool.</param>
/// <param name="time">Decides about expiry.</param>
/// <param name="logger">Told when the service fails while the old token still serves.</param>
internal sealed class TokenCache(string service, Func<CancellationToken, Task<IdentityToken>> fetch, TimeProvider time, ILogger logger)
{
    private const int LongestReason = 2000; // characters

    // The log-in takes time, and the database's clock may be ahead.
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(30);

    // A connection waits that long for a better token than the one at hand.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FetchLimit = TimeSpan.FromSeconds(30);
    private readonly Lock _lock = new();
    private IdentityToken? _held;
    private Task<IdentityToken>? _fetching;
    private StoreUnavailableException? _failure; // of the last fetch that ended

    /// <summary>A token to log in with at once. Throws <see cref="StoreUnavailableException"/> when there is none.</summary>
    public async ValueTask<string> Get(CancellationToken cancellationToken)
    {
        IdentityToken? held;
        Task<IdentityToken> fetching;
        lock (_lock)
        {
            var now = time.GetUtcNow();
            held = _held is { } token && now < token.Expires - Slack ? token : null;
            if (held is not null && now < held.RenewFrom)
                return held.Value;

            fetching = _fetching ??= Task.Run(Fetch, CancellationToken.None);
        }
        if (held is null)
            return await FirstOf(fetching, cancellationToken).ConfigureAwait(false);

        try
        {
            return (await fetching.WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false)).Value;
        }
        catch (TimeoutException)
        {
            // Whoever comes next gets what is still on its way.
            return held.Value;
        }
        catch (StoreUnavailableException failure)
        {
            logger.LogWarning("{Failure}; going on with the token that is valid until {Expires:O}", failure.Message, held.Expires);
            return held.Value;
        }
    }

    // Whoever gives up on a service that fails slowly is told why it failed before.
    private async ValueTask<string> FirstOf(Task<IdentityToken> fetching, CancellationToken cancellationToken)
    {
        try
        {
            return (await fetching.WaitAsync(cancellationToken).ConfigureAwait(false)).Value;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && Volatile.Read(ref _failure) is { } failure)
        {
            throw new StoreUnavailableException(failure.Message, failure);
        }
        catch (StoreUnavailableException failure)
        {
            // An exception of its own for each: one object thrown by many would mix up their stack traces.
            throw new StoreUnavailableException(failure.Message);
        }
    }

    private async Task<IdentityToken> Fetch()
    {
        IdentityToken? token = null;
        StoreUnavailableException? failure = null;
        try
        {
            token = await Ask().ConfigureAwait(false);
            return token;
        }
        catch (StoreUnavailableException error)
        {
            failure = error;
            throw;
        }
        finally
        {
            lock (_lock)
            {
                _failure = failure;
                _held = token ?? _held;
                _fetching = null;
            }
        }
    }

    private async Task<IdentityToken> Ask()
    {
        using var limit = new CancellationTokenSource(FetchLimit, time);
        IdentityToken token;
        try
        {
            token = await fetch(limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            throw new StoreUnavailableException($"{service} gave no token within {FetchLimit.TotalSeconds} s");
        }
        catch (Exception error)
        {
            // Not as the inner exception: some print the service's whole answer.
            throw new StoreUnavailableException($"{service} gave no token: {Reason(error)}");
        }
        if (token.Expires - Slack <= time.GetUtcNow())
            throw new StoreUnavailableException(string.Create(CultureInfo.InvariantCulture, $"{service} gave a token that is only valid until {token.Expires:O}"));

        return token;
    }

    private static string Reason(Exception error)
    {
        var messages = new List<string>();
        for (var cause = error; cause is not null; cause = cause.InnerException)
        {
            var message = string.Join(' ', cause.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
            if (!messages.Exists(said => said.Contains(message, StringComparison.Ordinal)))
                messages.Add(message);
        }
        var reason = string.Join(": ", messages);
        return reason.Length > LongestReason ? reason[..LongestReason] + "..." : reason;
    }
}
