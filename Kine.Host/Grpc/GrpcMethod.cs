using Grpc.Core;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Http;

namespace Kine.Host.Grpc;

/// <summary>One method as the library serves it.</summary>
/// <param name="Type">Tells who sends several messages.</param>
/// <param name="Run">Answers a call.</param>
/// <param name="Stats">Counts the calls.</param>
internal sealed record GrpcMethod(MethodType Type, RequestDelegate Run, CallStats Stats);
