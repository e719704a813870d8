namespace Kine.Backends.Nats;

// Options, log-in, the one subscription that all answers come to.
internal sealed partial class NatsLink
{
    private unsafe void Open(NatsOptions options)
    {
        Must(NativeNats.natsOptions_Create(out var native));
        try
        {
            Configure(native, options);
            var status = NativeNats.natsConnection_Connect(out var connection, native);
            if (status != NativeNats.Ok)
            {
                throw new NatsLinkException($"cannot connect to NATS at {string.Join(',', options.Servers)}: {NativeNats.LastError(status)}", sent: false)
                {
                    Refused = status == NativeNats.AuthFailed,
                };
            }
            _connection = connection;
        }
        finally
        {
            NativeNats.natsOptions_Destroy(native);
        }
        if (NativeNats.natsConnection_HasHeaderSupport(_connection) != NativeNats.Ok)
        {
            throw new NatsLinkException("the NATS server has no message headers: it is too old, the store needs nats-server 2.9 or newer", sent: false) { Refused = true };
        }

        MaxPayload = (int)Math.Min(NativeNats.natsConnection_GetMaxPayload(_connection), 64 << 20);
        Must(NativeNats.natsConnection_Subscribe(out _subscription, _connection, _inbox + "*", &Received, _id));
        Must(NativeNats.natsSubscription_SetPendingLimits(_subscription, PendingMessages, PendingBytes));
    }

    private unsafe void Configure(nint native, NatsOptions options)
    {
        Must(NativeNats.natsOptions_SetServers(native, [.. options.Servers], options.Servers.Count));
        Must(NativeNats.natsOptions_SetName(native, $"kine bucket {options.Bucket}"));
        Must(NativeNats.natsOptions_SetTimeout(native, (long)Math.Min(options.Timeout.TotalMilliseconds, 5000)));
        Must(NativeNats.natsOptions_SetAllowReconnect(native, allow: false));
        Must(NativeNats.natsOptions_SetSendAsap(native, asap: !Buffered));
        if (Buffered)
        {
            Must(NativeNats.natsOptions_SetIOBufSize(native, LargeBuffer));
        }

        Must(NativeNats.natsOptions_SetPingInterval(native, PingMilliseconds));
        Must(NativeNats.natsOptions_SetWriteDeadline(native, (long)options.Timeout.TotalMilliseconds));
        Must(NativeNats.natsOptions_SetClosedCB(native, &Closed, _id));
        Must(NativeNats.natsOptions_SetErrorHandler(native, &Failed, _id));
        if (options.User is { } user)
        {
            Must(NativeNats.natsOptions_SetUserInfo(native, user, options.Password ?? ""));
        }

        if (options.Token is { } token)
        {
            Must(NativeNats.natsOptions_SetToken(native, token));
        }

        if (options.CredentialsFile is { } credentials)
        {
            Must(NativeNats.natsOptions_SetUserCredentialsFromFiles(native, credentials, null), $"credentials file {credentials}");
        }

        if (options.SeedFile is { } seed)
        {
            Must(NativeNats.natsOptions_SetNKeyFromSeed(native, NKey.PublicKeyOf(seed), seed), $"NKey seed file {seed}");
        }

        ConfigureTls(native, options);
    }

    private static void ConfigureTls(nint native, NatsOptions options)
    {
        if (options.CaFile is null && options.CertFile is null && !options.SkipVerify)
        {
            return;
        }

        Must(NativeNats.natsOptions_SetSecure(native, secure: true));
        if (options.CaFile is { } authority)
        {
            Must(NativeNats.natsOptions_LoadCATrustedCertificates(native, authority), $"CA file {authority}");
        }

        if (options.CertFile is { } certificate)
        {
            Must(NativeNats.natsOptions_LoadCertificatesChain(native, certificate, options.KeyFile ?? ""), $"certificate {certificate} with key {options.KeyFile}");
        }

        if (options.SkipVerify)
        {
            Must(NativeNats.natsOptions_SkipServerVerification(native, skip: true));
        }
    }

    private static void Must(int status, string what = "the NATS C client")
    {
        if (status != NativeNats.Ok)
        {
            throw new NatsLinkException($"{what}: {NativeNats.LastError(status)}", sent: false) { Refused = true };
        }
    }
}
