using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Logging;

/// <summary>The two forms of a log entry.</summary>
internal static class LogLine
{
    private static readonly JsonWriterOptions JsonOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary><c>2026-01-31T12:00:00.123Z info  text</c>; an exception follows on the same line.</summary>
    public static string Plain(DateTimeOffset now, LogLevel level, string message, Exception? exception)
    {
        var line = new StringBuilder().Append(Time(now)).Append(' ').Append(Name(level).PadRight(8)).Append(message);
        if (exception is not null)
            line.Append(": ").Append(exception);

        return line.Replace("\r", string.Empty).Replace("\n", " | ").ToString();
    }

    /// <summary>An object with time, severity, message, logger, and error when there is one.</summary>
    public static string Json(DateTimeOffset now, LogLevel level, string category, string message, Exception? exception)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("time", Time(now));
            json.WriteString("severity", Name(level));
            json.WriteString("message", message);
            json.WriteString("logger", category);
            if (exception is not null)
                json.WriteString("error", exception.ToString());

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Time(DateTimeOffset now) => now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'");

    private static string Name(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        _ => "fatal",
    };
}
